//! Functions on points in time that are given; the present is never known, as a configuration must mean the same
//! whenever it is read.

use chrono::{DateTime, Datelike, FixedOffset, Timelike};

use super::{Context, Function, Outcome, text};
use crate::flows::number::Number;
use crate::flows::value::Value;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("timestamp", 0..=0, |_, _| Ok(Value::unknown("timestamp()"))),
    Function::new("plantimestamp", 0..=0, |_, _| {
        Ok(Value::unknown("plantimestamp()"))
    }),
    Function::new("timecmp", 2..=2, |_, arguments| {
        let order = moment(arguments, 0)?.cmp(&moment(arguments, 1)?);
        Ok(Number::from(order as i64).into())
    }),
    Function::new("timeadd", 2..=2, timeadd),
    Function::new("formatdate", 2..=2, formatdate),
];

fn moment(arguments: &[Value], position: usize) -> Result<DateTime<FixedOffset>, String> {
    let written = text(arguments, position)?;
    let parsed = DateTime::parse_from_rfc3339(&written).ok();
    // What the standard allows besides, Terraform refuses: other letters, and leap seconds.
    let strict = written.as_bytes().get(10) == Some(&b'T')
        && !written.ends_with('z')
        && written.get(17..19) != Some("60");
    parsed.filter(|_| strict).ok_or_else(|| {
        format!(
            "argument {}: {written:?} is not a time like 2026-01-31T08:00:00Z",
            position + 1
        )
    })
}

fn shown(moment: DateTime<FixedOffset>) -> String {
    moment.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

/// Durations as in Go: `1h30m`, `-5m`, `1.5s`.
fn timeadd(_: &Context<'_>, arguments: &[Value]) -> Outcome {
    let start = moment(arguments, 0)?;
    let written = text(arguments, 1)?;
    let bad = || format!("argument 2: {written:?} is not a duration like 1h30m");
    let (sign, mut rest) = match written.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, written.strip_prefix('+').unwrap_or(&written)),
    };
    let mut seconds = 0.0;
    if rest.is_empty() {
        return Err(bad());
    }
    while !rest.is_empty() && rest != "0" {
        let number_end = rest
            .find(|letter: char| !(letter.is_ascii_digit() || letter == '.'))
            .ok_or_else(bad)?;
        let amount: f64 = rest[..number_end].parse().map_err(|_| bad())?;
        rest = &rest[number_end..];
        let unit_end = rest
            .find(|letter: char| letter.is_ascii_digit())
            .unwrap_or(rest.len());
        seconds += amount
            * match &rest[..unit_end] {
                "h" => 3_600.0,
                "m" => 60.0,
                "s" => 1.0,
                "ms" => 1e-3,
                "us" | "µs" => 1e-6,
                "ns" => 1e-9,
                _ => return Err(bad()),
            };
        rest = &rest[unit_end..];
    }
    /// What 64 bits of nanoseconds hold.
    const MAX_SECONDS: f64 = 9_223_372_036.0;
    std::time::Duration::try_from_secs_f64(seconds)
        .ok()
        .filter(|_| seconds <= MAX_SECONDS)
        .and_then(|length| chrono::TimeDelta::from_std(length).ok())
        .and_then(|length| {
            if sign < 0.0 {
                start.checked_sub_signed(length)
            } else {
                start.checked_add_signed(length)
            }
        })
        .map(|moment| shown(moment).into())
        .ok_or_else(|| "the result is out of range".to_owned())
}

fn formatdate(_: &Context<'_>, arguments: &[Value]) -> Outcome {
    const MONTHS: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    const DAYS: [&str; 7] = [
        "Sunday",
        "Monday",
        "Tuesday",
        "Wednesday",
        "Thursday",
        "Friday",
        "Saturday",
    ];
    let pattern = text(arguments, 0)?;
    let moment = moment(arguments, 1)?;
    let month = MONTHS
        .get(moment.month0() as usize)
        .copied()
        .unwrap_or_default();
    let day = DAYS
        .get(moment.weekday().num_days_from_sunday() as usize)
        .copied()
        .unwrap_or_default();
    let hour12 = moment.hour12().1;
    let offset = moment.offset().local_minus_utc();
    let zone = |colon: &str| {
        let minutes = offset.abs() / 60;
        let sign = if offset < 0 { '-' } else { '+' };
        format!("{sign}{:02}{colon}{:02}", minutes / 60, minutes % 60)
    };
    let mut result = String::new();
    let mut letters = pattern.chars().peekable();
    while let Some(letter) = letters.next() {
        if letter == '\'' && letters.next_if_eq(&'\'').is_some() {
            result.push('\'');
            continue;
        }
        if letter == '\'' {
            loop {
                match letters.next() {
                    Some('\'') if letters.peek() == Some(&'\'') => {
                        letters.next();
                        result.push('\'');
                    }
                    Some('\'') => break,
                    Some(quoted) => result.push(quoted),
                    None => return Err("argument 1: a quote is not closed".to_owned()),
                }
            }
            continue;
        }
        if !letter.is_ascii_alphabetic() {
            result.push(letter);
            continue;
        }
        let mut word = String::from(letter);
        while letters.peek() == Some(&letter) {
            letters.next();
            word.push(letter);
        }
        result.push_str(&match word.as_str() {
            "YYYY" => format!("{:04}", moment.year()),
            "YY" => format!("{:02}", moment.year().rem_euclid(100)),
            "MMMM" => month.to_owned(),
            "MMM" => month.chars().take(3).collect(),
            "MM" => format!("{:02}", moment.month()),
            "M" => moment.month().to_string(),
            "DD" => format!("{:02}", moment.day()),
            "D" => moment.day().to_string(),
            "EEEE" => day.to_owned(),
            "EEE" => day.chars().take(3).collect(),
            "hh" => format!("{:02}", moment.hour()),
            "h" => moment.hour().to_string(),
            "HH" => format!("{hour12:02}"),
            "H" => hour12.to_string(),
            "AA" => if moment.hour() < 12 { "AM" } else { "PM" }.to_owned(),
            "aa" => if moment.hour() < 12 { "am" } else { "pm" }.to_owned(),
            "mm" => format!("{:02}", moment.minute()),
            "m" => moment.minute().to_string(),
            "ss" => format!("{:02}", moment.second()),
            "s" => moment.second().to_string(),
            "ZZZZ" | "ZZZ" if offset == 0 && word == "ZZZ" => "UTC".to_owned(),
            "ZZZZZ" => zone(":"),
            "ZZZZ" | "ZZZ" => zone(""),
            "Z" if offset == 0 => "Z".to_owned(),
            "Z" => zone(":"),
            other => {
                return Err(format!(
                    "argument 1: there is no {other:?} in dates; put text in single quotes"
                ));
            }
        });
    }
    Ok(result.into())
}
