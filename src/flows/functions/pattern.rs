//! Regular expressions as Terraform writes them, which are Go's, brought into the form of the crate here. The two agree
//! but for: `\d`, `\w`, `\s` and `\b` know ASCII only, `\Q…\E` quotes, a bracket inside of brackets is a letter, and an operator
//! of repetition cannot be repeated.

use regex::Regex;

/// Compiled size; patterns in configurations take a few kilobytes.
const MAX_PATTERN_BYTES: usize = 1 << 20;

/// Compiles a pattern.
///
/// # Errors
/// What is wrong with it.
pub fn compile(source: &str) -> Result<Regex, String> {
    let wrong = |problem: &str| format!("not a regular expression: {problem}");
    let translated = translate(source).map_err(|problem| wrong(&problem))?;
    regex::RegexBuilder::new(&translated)
        .size_limit(MAX_PATTERN_BYTES)
        .build()
        .map_err(|error| {
            let text = error.to_string();
            wrong(text.lines().last().unwrap_or_default())
        })
}

fn translate(source: &str) -> Result<String, String> {
    let mut out = String::with_capacity(source.len() + 16);
    let mut letters = source.chars().peekable();
    let mut in_class = false;
    // Whether the last thing was an operator of repetition, with its `?` or without.
    let mut repeated = false;
    while let Some(letter) = letters.next() {
        let was_repeated = std::mem::take(&mut repeated);
        match letter {
            '\\' => match letters.next() {
                Some('Q') => quoted(&mut letters, &mut out),
                // The end of a quotation that never began.
                Some('E') => {}
                Some(kind) => out.push_str(&escape(kind, in_class)),
                None => out.push('\\'),
            },
            '[' if !in_class => {
                in_class = true;
                out.push('[');
                if letters.next_if_eq(&'^').is_some() {
                    out.push('^');
                }
                // Right behind the bracket it is a letter.
                if letters.next_if_eq(&']').is_some() {
                    out.push_str("\\]");
                }
            }
            '[' if letters.peek() == Some(&':') => {
                out.push('[');
                for letter in letters.by_ref() {
                    out.push(letter);
                    if letter == ']' {
                        break;
                    }
                }
            }
            '[' => out.push_str("\\["),
            ']' if in_class => {
                in_class = false;
                out.push(']');
            }
            // Twice, these are operators between classes.
            '&' | '~' if in_class => {
                out.push('\\');
                out.push(letter);
            }
            '-' if in_class && letters.peek() == Some(&'-') => out.push_str("\\-"),
            '*' | '+' | '?' if !in_class => {
                if was_repeated {
                    return Err(format!("`{letter}` repeats what is repeated already"));
                }
                out.push(letter);
                if let Some(lazy) = letters.next_if_eq(&'?') {
                    out.push(lazy);
                }
                // Of a group's start, `(?`, it is no operator.
                repeated = !(letter == '?' && out.ends_with("(?"));
            }
            other => out.push(other),
        }
    }
    Ok(out)
}

fn quoted(letters: &mut std::iter::Peekable<std::str::Chars<'_>>, out: &mut String) {
    while let Some(letter) = letters.next() {
        if letter == '\\' && letters.peek() == Some(&'E') {
            letters.next();
            return;
        }
        out.push_str(&regex::escape(letter.encode_utf8(&mut [0; 4])));
    }
}

fn escape(kind: char, in_class: bool) -> String {
    let class = |inner: &str| {
        if in_class {
            inner.to_owned()
        } else {
            format!("[{inner}]")
        }
    };
    match kind {
        'd' => class("0-9"),
        'w' => class("0-9A-Za-z_"),
        's' => class("\\t\\n\\f\\r "),
        'D' => "[^0-9]".to_owned(),
        'W' => "[^0-9A-Za-z_]".to_owned(),
        'S' => "[^\\t\\n\\f\\r ]".to_owned(),
        'b' if !in_class => "(?-u:\\b)".to_owned(),
        'B' if !in_class => "(?-u:\\B)".to_owned(),
        other => format!("\\{other}"),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn patterns_mean_what_they_mean_to_terraform() {
        let matches = |pattern: &str, text: &str| compile(pattern).unwrap().is_match(text);
        assert!(matches(r"^[\w.-]+@[a-z\d]+$", "a.b-c@x1"));
        assert!(matches(r"^[[:alpha:]_[]+$", "ab_["));
        assert!(matches(r"^[]a]+$", "]a]"));
        assert!(matches(r"^[a&&b]+$", "a&b"));
        assert!(matches(r"^[^\D]+$", "12"));
        assert!(matches(r"^(?:a+?)(?i)B*$", "aab"));
        assert!(matches(r"\Q(a\E+", "(aa"));
        assert!(!matches(r"\d", "٣"));
        assert!(compile("a++").is_err() && compile("a**").is_err() && compile("a+??").is_err());
        assert!(compile("(").is_err() && compile("\\").is_err());
    }
}
