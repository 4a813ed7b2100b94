//! `format` and `formatlist`.

use std::iter::Peekable;
use std::str::Chars;

use super::{Context, Function, Outcome, text};
use crate::flows::number::Number;
use crate::flows::types::{Type, convert};
use crate::flows::value::{ListKind, Value, to_json};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::variadic("format", 1, |_, arguments| {
        let values: Vec<&Value> = arguments.iter().skip(1).collect();
        format(&text(arguments, 0)?, &values).map(Value::from)
    })
    .nulls(),
    Function::variadic("formatlist", 1, formatlist).nulls(),
];

/// Width and precision beyond this are mistakes.
const MAX_WIDTH: usize = 10_000;

/// One `%` with what follows it.
#[derive(Default)]
struct Verb {
    minus: bool,
    plus: bool,
    space: bool,
    zero: bool,
    sharp: bool,
    width: Option<usize>,
    precision: Option<usize>,
    position: Option<usize>,
}

fn digits(letters: &mut Peekable<Chars<'_>>) -> Result<Option<usize>, String> {
    let mut value: Option<usize> = None;
    while let Some(digit) = letters.peek().and_then(|letter| letter.to_digit(10)) {
        letters.next();
        let next = value.unwrap_or(0) * 10 + digit as usize;
        if next > MAX_WIDTH {
            return Err(format!("a width above {MAX_WIDTH}"));
        }
        value = Some(next);
    }
    Ok(value)
}

fn format(pattern: &str, values: &[&Value]) -> Result<String, String> {
    let mut result = String::new();
    let mut letters = pattern.chars().peekable();
    let mut next = 0;
    let mut used = 0;
    while let Some(letter) = letters.next() {
        if letter != '%' {
            result.push(letter);
            continue;
        }
        let mut verb = Verb::default();
        while let Some(flag) = letters.peek() {
            match flag {
                '-' => verb.minus = true,
                '+' => verb.plus = true,
                ' ' => verb.space = true,
                '0' => verb.zero = true,
                '#' => verb.sharp = true,
                _ => break,
            }
            letters.next();
        }
        verb.width = digits(&mut letters)?;
        if letters.peek() == Some(&'.') {
            letters.next();
            verb.precision = Some(digits(&mut letters)?.unwrap_or(0));
        }
        if letters.peek() == Some(&'[') {
            letters.next();
            verb.position = digits(&mut letters)?;
            if letters.next() != Some(']') {
                return Err("a `%[` is not closed by `]`".to_owned());
            }
        }
        let kind = letters
            .next()
            .ok_or("the text ends in the middle of a `%`")?;
        if kind == '%' {
            if verb.width.is_some() || verb.precision.is_some() {
                return Err("`%%` takes no width".to_owned());
            }
            result.push('%');
            continue;
        }
        let position = match verb.position {
            Some(position) => position
                .checked_sub(1)
                .ok_or("arguments of `%[…]` are counted from 1")?,
            None => next,
        };
        next = position + 1;
        used = used.max(next);
        let value = values
            .get(position)
            .ok_or_else(|| format!("there is no argument {next} for `%{kind}`"))?;
        let body = formatted(kind, &verb, value)?;
        pad(&mut result, &body, &verb, kind);
    }
    if used < values.len() && !pattern.contains("%[") {
        return Err(format!(
            "{} arguments are given, but {used} are used",
            values.len()
        ));
    }
    Ok(result)
}

fn pad(result: &mut String, body: &str, verb: &Verb, kind: char) {
    // As in Terraform, a bool has no width.
    let width = verb.width.filter(|_| kind != 't');
    let missing = width.unwrap_or(0).saturating_sub(body.chars().count());
    if verb.minus {
        result.push_str(body);
        result.extend(std::iter::repeat_n(' ', missing));
    } else if verb.zero && !matches!(kind, 's' | 'q' | 'v' | 't') {
        let (sign, digits) = match body.strip_prefix(['-', '+']) {
            Some(rest) => body.split_at(body.len() - rest.len()),
            None => ("", body),
        };
        result.push_str(sign);
        result.extend(std::iter::repeat_n('0', missing));
        result.push_str(digits);
    } else {
        result.extend(std::iter::repeat_n(' ', missing));
        result.push_str(body);
    }
}

fn formatted(kind: char, verb: &Verb, value: &Value) -> Result<String, String> {
    let cut = |text: &str| match verb.precision {
        Some(count) => text.chars().take(count).collect(),
        None => text.to_owned(),
    };
    match kind {
        'v' => Ok(match value {
            Value::Null => "null".to_owned(),
            Value::Number(number) if !verb.sharp => shortest(*number, PLAIN_EXPONENTS),
            other => match other.to_text() {
                Some(text) if !verb.sharp => text.to_string(),
                _ => to_json(other),
            },
        }),
        's' | 'q' => {
            let converted = match value {
                Value::Null => return Err(format!("`%{kind}` takes a string, not null")),
                other => convert(other, &Type::String)?,
            };
            let text = cut(converted.as_str().unwrap_or_default());
            Ok(if kind == 'q' {
                to_json(&Value::from(text))
            } else {
                text
            })
        }
        't' => match convert(value, &Type::Bool)? {
            Value::Bool(value) => Ok(value.to_string()),
            other => Err(format!("`%t` takes a bool, not {}", other.kind_name())),
        },
        'd' | 'b' | 'o' | 'x' | 'X' | 'e' | 'E' | 'f' | 'g' | 'G' => {
            match convert(value, &Type::Number)? {
                Value::Number(number) => numeric(kind, verb, number),
                other => Err(format!(
                    "`%{kind}` takes a number, not {}",
                    other.kind_name()
                )),
            }
        }
        other => Err(format!("there is no `%{other}`")),
    }
}

fn numeric(kind: char, verb: &Verb, number: Number) -> Result<String, String> {
    let whole = || {
        number
            .to_i128()
            .ok_or_else(|| format!("`%{kind}` takes a whole number, not {number}"))
    };
    let sign = |text: String| {
        if text.starts_with('-') {
            text
        } else if verb.plus {
            format!("+{text}")
        } else if verb.space {
            format!(" {text}")
        } else {
            text
        }
    };
    let radix = |value: i128, digits: String| {
        if value < 0 {
            format!("-{digits}")
        } else {
            digits
        }
    };
    // At least as many digits as the precision says, and what `#` puts in front.
    let digits = |text: String, prefix: &str| {
        let zeros = verb.precision.unwrap_or(0).saturating_sub(text.len());
        let prefix = if verb.sharp { prefix } else { "" };
        format!("{prefix}{}{text}", "0".repeat(zeros))
    };
    let text = match kind {
        'd' => radix(whole()?, digits(whole()?.unsigned_abs().to_string(), "")),
        'b' => radix(
            whole()?,
            digits(format!("{:b}", whole()?.unsigned_abs()), "0b"),
        ),
        'o' => radix(
            whole()?,
            digits(format!("{:o}", whole()?.unsigned_abs()), "0"),
        ),
        'x' => radix(
            whole()?,
            digits(format!("{:x}", whole()?.unsigned_abs()), "0x"),
        ),
        'X' => radix(
            whole()?,
            digits(format!("{:X}", whole()?.unsigned_abs()), "0X"),
        ),
        'e' | 'E' => {
            let text = exponent(&match verb.precision {
                Some(precision) => format!("{:.*e}", precision, number.to_f64()),
                None => format!("{:.6e}", number.to_f64()),
            });
            if kind == 'E' {
                text.to_uppercase()
            } else {
                text
            }
        }
        'f' => format!("{:.*}", verb.precision.unwrap_or(6), number.to_f64()),
        _ => {
            let text = shortest(number, SHORT_EXPONENTS);
            if kind == 'G' {
                text.to_uppercase()
            } else {
                text
            }
        }
    };
    Ok(sign(text))
}

/// Exponents of numbers that Go writes in plain digits, for `%v` and for `%g`.
const PLAIN_EXPONENTS: std::ops::Range<i32> = -4..21;
const SHORT_EXPONENTS: std::ops::Range<i32> = -4..6;

/// Plain digits, or an exponent for what is very small or very large.
fn shortest(number: Number, plain: std::ops::Range<i32>) -> String {
    let scientific = format!("{:e}", number.to_f64());
    match scientific
        .split_once('e')
        .and_then(|(_, exponent)| exponent.parse::<i32>().ok())
    {
        Some(power) if !plain.contains(&power) => exponent(&scientific),
        _ => number.to_string(),
    }
}

/// Exponents as Go writes them: a sign and at least two digits.
fn exponent(text: &str) -> String {
    match text.split_once('e') {
        Some((mantissa, exponent)) => {
            let (sign, digits) = match exponent.strip_prefix('-') {
                Some(digits) => ('-', digits),
                None => ('+', exponent),
            };
            format!("{mantissa}e{sign}{digits:0>2}")
        }
        None => text.to_owned(),
    }
}

fn formatlist(_: &Context<'_>, arguments: &[Value]) -> Outcome {
    let pattern = text(arguments, 0)?;
    let values = arguments.get(1..).unwrap_or_default();
    let mut length = None;
    for value in values {
        if let Value::List(list) = value {
            if length.is_some_and(|length| length != list.items.len()) {
                return Err("all lists must have the same length".to_owned());
            }
            length = Some(list.items.len());
        }
    }
    let rows = (0..length.unwrap_or(1))
        .map(|row| {
            let row: Vec<&Value> = values
                .iter()
                .map(|value| match value {
                    Value::List(list) => list.items.get(row).unwrap_or(&Value::Null),
                    other => other,
                })
                .collect();
            format(&pattern, &row).map(Value::from)
        })
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Value::list(ListKind::List, rows))
}
