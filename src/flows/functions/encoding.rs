//! Functions that encode and decode.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Context, Function, Outcome, argument, text};
use crate::flows::json;
use crate::flows::value::{Value, to_json};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("base64decode", 1..=1, |_, arguments| {
        // Line breaks may stand anywhere in it.
        let encoded = text(arguments, 0)?.replace(['\r', '\n'], "");
        let bytes = STANDARD
            .decode(encoded.as_bytes())
            .map_err(|_| "this is not base64".to_owned())?;
        String::from_utf8(bytes)
            .map(Value::from)
            .map_err(|_| "the decoded bytes are not UTF-8 text".to_owned())
    }),
    Function::new("base64encode", 1..=1, |_, arguments| {
        Ok(STANDARD.encode(text(arguments, 0)?.as_bytes()).into())
    }),
    Function::new("csvdecode", 1..=1, csvdecode),
    Function::new("jsondecode", 1..=1, |_, arguments| {
        json::parse(&text(arguments, 0)?)
            .map(|json| json.to_value())
            .map_err(|(at, problem)| format!("this is not JSON, at byte {at}: {problem}"))
    }),
    Function::new("jsonencode", 1..=1, |_, arguments| {
        Ok(to_json(argument(arguments, 0)).into())
    })
    .nulls(),
    Function::new("urlencode", 1..=1, |_, arguments| {
        Ok(urlencode(&text(arguments, 0)?).into())
    }),
    Function::new("urldecode", 1..=1, urldecode),
    // Its exact bytes are those of one version of the Go library.
    Function::new("base64gzip", 1..=1, |_, _| {
        Ok(Value::unknown("base64gzip()"))
    }),
];

fn urlencode(all: &str) -> String {
    use std::fmt::Write as _;
    let mut result = String::with_capacity(all.len());
    for byte in all.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                result.push(char::from(byte));
            }
            b' ' => result.push('+'),
            _ => {
                let _ = write!(result, "%{byte:02X}");
            }
        }
    }
    result
}

fn urldecode(_: &Context<'_>, arguments: &[Value]) -> Outcome {
    let all = text(arguments, 0)?;
    let mut bytes = Vec::with_capacity(all.len());
    let mut rest = all.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let mut digit = || rest.next().and_then(|digit| char::from(digit).to_digit(16));
                let (Some(high), Some(low)) = (digit(), digit()) else {
                    return Err("a % must be followed by two hexadecimal digits".to_owned());
                };
                bytes.push(u8::try_from(high * 16 + low).unwrap_or(b'?'));
            }
            _ => bytes.push(byte),
        }
    }
    String::from_utf8(bytes)
        .map(Value::from)
        .map_err(|_| "the decoded bytes are not UTF-8 text".to_owned())
}

/// Rows as objects keyed by the header.
fn csvdecode(_: &Context<'_>, arguments: &[Value]) -> Outcome {
    let all = text(arguments, 0)?;
    let mut rows = csv_rows(&all)?.into_iter();
    let header = rows.next().ok_or("the header is missing")?;
    let mut names: Vec<&String> = header.iter().collect();
    names.sort();
    if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(format!("the header has the name {:?} twice", twice[0]));
    }
    let mut items = Vec::new();
    for (line, row) in rows.enumerate() {
        if row.len() != header.len() {
            return Err(format!(
                "row {} has {} fields, not {}",
                line + 2,
                row.len(),
                header.len()
            ));
        }
        items.push(Value::object(
            header
                .iter()
                .cloned()
                .zip(row.into_iter().map(Value::from))
                .collect(),
        ));
    }
    Ok(Value::list(crate::flows::value::ListKind::List, items))
}

fn csv_rows(all: &str) -> Result<Vec<Vec<String>>, String> {
    let mut rows = Vec::new();
    let mut row = Vec::new();
    let mut field = String::new();
    let mut quoted = false;
    // A quoted field is over; only its end may follow.
    let mut closed = false;
    let mut letters = all.chars().peekable();
    let mut line_used = false;
    while let Some(letter) = letters.next() {
        match (quoted, letter) {
            (true, '"') if letters.peek() == Some(&'"') => {
                letters.next();
                field.push('"');
            }
            (true, '"') => {
                quoted = false;
                closed = true;
            }
            (true, letter) => field.push(letter),
            (false, '"') if field.is_empty() && !closed => {
                quoted = true;
                line_used = true;
            }
            (false, '"') => return Err("a quote inside of a field that is not quoted".to_owned()),
            (false, letter) if closed && !matches!(letter, ',' | '\r' | '\n') => {
                return Err("text after a quoted field".to_owned());
            }
            (false, ',') => {
                closed = false;
                row.push(std::mem::take(&mut field));
                line_used = true;
            }
            (false, '\r') if letters.peek() == Some(&'\n') => {}
            (false, '\n') => {
                closed = false;
                if line_used || !field.is_empty() {
                    row.push(std::mem::take(&mut field));
                    rows.push(std::mem::take(&mut row));
                }
                line_used = false;
            }
            (false, letter) => field.push(letter),
        }
    }
    if quoted {
        return Err("a quoted field is not closed".to_owned());
    }
    if line_used || !field.is_empty() {
        row.push(field);
        rows.push(row);
    }
    Ok(rows)
}
