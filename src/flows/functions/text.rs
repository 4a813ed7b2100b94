//! Functions on strings.

use regex::Regex;
use unicode_segmentation::UnicodeSegmentation as _;

use super::{Context, Function, Outcome, number, text, texts, whole_number};
use crate::flows::value::{MAX_WEIGHT, TEXT_UNIT_BYTES, Value};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("chomp", 1..=1, |_, arguments| {
        Ok(text(arguments, 0)?.trim_end_matches(['\n', '\r']).into())
    }),
    Function::new("endswith", 2..=2, |_, arguments| {
        Ok(text(arguments, 0)?.ends_with(&*text(arguments, 1)?).into())
    }),
    Function::new("indent", 2..=2, indent),
    Function::variadic("join", 2, join),
    Function::new("lower", 1..=1, |_, arguments| {
        // Go makes a plain `i` of the Turkish capital with a dot.
        let all = text(arguments, 0)?.replace('\u{130}', "i");
        Ok(each_letter(&all, char::to_lowercase).into())
    }),
    Function::new("regex", 2..=2, regex_one),
    Function::new("regexall", 2..=2, regex_all),
    Function::new("replace", 3..=3, replace),
    Function::new("split", 2..=2, split),
    Function::new("startswith", 2..=2, |_, arguments| {
        Ok(text(arguments, 0)?
            .starts_with(&*text(arguments, 1)?)
            .into())
    }),
    Function::new("strcontains", 2..=2, |_, arguments| {
        Ok(text(arguments, 0)?.contains(&*text(arguments, 1)?).into())
    }),
    Function::new("strrev", 1..=1, |_, arguments| {
        let all = text(arguments, 0)?;
        Ok(all.graphemes(true).rev().collect::<String>().into())
    }),
    Function::new("substr", 3..=3, substr),
    Function::new("title", 1..=1, |_, arguments| {
        Ok(title(&text(arguments, 0)?).into())
    }),
    Function::new("trim", 2..=2, |_, arguments| {
        let cut = text(arguments, 1)?;
        Ok(text(arguments, 0)?
            .trim_matches(|letter| cut.contains(letter))
            .into())
    }),
    Function::new("trimprefix", 2..=2, |_, arguments| {
        let all = text(arguments, 0)?;
        Ok(all
            .strip_prefix(&*text(arguments, 1)?)
            .unwrap_or(&all)
            .into())
    }),
    Function::new("trimsuffix", 2..=2, |_, arguments| {
        let all = text(arguments, 0)?;
        Ok(all
            .strip_suffix(&*text(arguments, 1)?)
            .unwrap_or(&all)
            .into())
    }),
    Function::new("trimspace", 1..=1, |_, arguments| {
        Ok(text(arguments, 0)?.trim().into())
    }),
    Function::new("upper", 1..=1, |_, arguments| {
        Ok(each_letter(&text(arguments, 0)?, char::to_uppercase).into())
    }),
];

/// Bytes that a function may write before the evaluator's own limits see the result.
fn check_length(bytes: usize) -> Result<(), String> {
    let limit = usize::try_from(MAX_WEIGHT)
        .unwrap_or(usize::MAX)
        .saturating_mul(TEXT_UNIT_BYTES);
    if bytes > limit {
        return Err("the result is too long".to_owned());
    }
    Ok(())
}

fn indent(_: &Context<'_>, arguments: &[Value]) -> Outcome {
    let spaces = number(arguments, 0)?
        .to_usize()
        .ok_or("argument 1: a whole number from 0 on is required")?;
    let all = text(arguments, 1)?;
    check_length(all.matches('\n').count().saturating_mul(spaces))?;
    Ok(all
        .replace('\n', &format!("\n{}", " ".repeat(spaces)))
        .into())
}

fn join(_: &Context<'_>, arguments: &[Value]) -> Outcome {
    let separator = text(arguments, 0)?;
    let mut parts = Vec::new();
    for position in 1..arguments.len() {
        parts.extend(texts(arguments, position)?);
    }
    let bytes = parts.iter().map(|part| part.len()).sum::<usize>();
    check_length(bytes.saturating_add(parts.len().saturating_mul(separator.len())))?;
    Ok(parts.join(&*separator).into())
}

fn split(_: &Context<'_>, arguments: &[Value]) -> Outcome {
    let separator = text(arguments, 0)?;
    let all = text(arguments, 1)?;
    let parts = if separator.is_empty() {
        all.chars()
            .map(|letter| Value::from(letter.to_string()))
            .collect()
    } else {
        all.split(&*separator).map(Value::from).collect()
    };
    Ok(Value::list(crate::flows::value::ListKind::List, parts))
}

fn substr(_: &Context<'_>, arguments: &[Value]) -> Outcome {
    let all = text(arguments, 0)?;
    // What a reader takes for one character may be several to the computer.
    let letters: Vec<&str> = all.graphemes(true).collect();
    let count = i64::try_from(letters.len()).unwrap_or(i64::MAX);
    let offset = whole_number(arguments, 1)?;
    let length = whole_number(arguments, 2)?;
    let start = if offset < 0 {
        (count + offset).max(0)
    } else {
        offset.min(count)
    };
    let end = if length < 0 {
        count
    } else {
        start.saturating_add(length).min(count)
    };
    let range = usize::try_from(start).unwrap_or(0)..usize::try_from(end).unwrap_or(0);
    Ok(letters.get(range).unwrap_or_default().concat().into())
}

/// Changes letters one by one: a letter that would become several stays, as in Go.
fn each_letter<Changed: Iterator<Item = char>>(all: &str, change: fn(char) -> Changed) -> String {
    all.chars()
        .map(|letter| {
            let mut changed = change(letter);
            match (changed.next(), changed.next()) {
                (Some(one), None) => one,
                _ => letter,
            }
        })
        .collect()
}

/// Upper case for the first letter of each word, as Go's `strings.Title` sees words.
fn title(all: &str) -> String {
    let mut result = String::with_capacity(all.len());
    let mut in_word = false;
    for letter in all.chars() {
        if in_word {
            result.push(letter);
        } else {
            result.extend(letter.to_uppercase());
        }
        in_word = letter.is_alphanumeric() || letter == '_';
    }
    result
}

fn pattern(source: &str) -> Result<Regex, String> {
    super::pattern::compile(source).map_err(|problem| format!("argument 1: {problem}"))
}

/// What a match gives: the text, the groups in order, or the groups by name.
fn captured(pattern: &Regex, captures: &regex::Captures<'_>) -> Value {
    let group = |position: usize| {
        captures
            .get(position)
            .map_or(Value::Null, |group| Value::from(group.as_str()))
    };
    let names: Vec<Option<&str>> = pattern.capture_names().collect();
    if names.len() == 1 {
        return group(0);
    }
    if names.iter().any(Option::is_some) {
        return Value::object(
            names
                .iter()
                .enumerate()
                .filter_map(|(position, name)| Some(((*name)?.to_owned(), group(position))))
                .collect(),
        );
    }
    Value::tuple((1..names.len()).map(group).collect())
}

/// Groups must all have names or none.
fn groups(pattern: Regex) -> Result<Regex, String> {
    let named = pattern
        .capture_names()
        .skip(1)
        .filter(Option::is_some)
        .count();
    if named > 0 && named + 1 != pattern.captures_len() {
        return Err("argument 1: named and unnamed groups cannot be mixed".to_owned());
    }
    Ok(pattern)
}

fn regex_one(_: &Context<'_>, arguments: &[Value]) -> Outcome {
    let pattern = groups(pattern(&text(arguments, 0)?)?)?;
    let all = text(arguments, 1)?;
    match pattern.captures(&all) {
        Some(captures) => Ok(captured(&pattern, &captures)),
        None => Err("the pattern does not match the string".to_owned()),
    }
}

fn regex_all(_: &Context<'_>, arguments: &[Value]) -> Outcome {
    let pattern = groups(pattern(&text(arguments, 0)?)?)?;
    let all = text(arguments, 1)?;
    let found = pattern
        .captures_iter(&all)
        .map(|captures| captured(&pattern, &captures))
        .collect();
    Ok(Value::list(crate::flows::value::ListKind::List, found))
}

fn replace(_: &Context<'_>, arguments: &[Value]) -> Outcome {
    let all = text(arguments, 0)?;
    let from = text(arguments, 1)?;
    let to = text(arguments, 2)?;
    // A pattern between slashes is a regular expression.
    let inner = from
        .strip_prefix('/')
        .and_then(|rest| rest.strip_suffix('/'));
    let Some(source) = inner else {
        check_length(
            all.matches(&*from)
                .count()
                .saturating_mul(to.len())
                .saturating_add(all.len()),
        )?;
        return Ok(all.replace(&*from, &to).into());
    };
    let pattern = pattern(source)?;
    let matches = pattern.find_iter(&all).count();
    check_length(matches.saturating_mul(to.len().saturating_add(all.len())))?;
    Ok(pattern.replace_all(&all, &*to).into_owned().into())
}
