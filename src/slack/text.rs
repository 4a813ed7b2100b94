//! Text for Slack: escaping, cutting, mentions, dates, durations in words.
//!
//! Everything that a person or a configuration wrote passes through [`escaped`] before it stands in `mrkdwn`, so that it can
//! neither mention a channel nor forge a link. Blocks are not built here; the builders of modals and messages call this.

use crate::domain::field::{FieldValue, SubmittedField};
use crate::domain::person::PersonRef;
use crate::domain::time::Timestamp;

/// Of a name where there is no mention.
const NAME_CHARS: usize = 100;
/// Marks a cut text.
const ELLIPSIS: char = '…';

/// The text with `&`, `<` and `>` as entities: Slack's three control characters.
#[must_use]
pub fn escaped(text: &str) -> String {
    escaped_within(text, usize::MAX)
}

/// As [`escaped`], at most `limit` characters long after escaping; a cut never falls inside an entity and ends in `…`.
#[must_use]
pub fn escaped_within(text: &str, limit: usize) -> String {
    let mut out = Builder::new(limit);
    for letter in text.chars() {
        let mut buffer = [0; 4];
        if !out.push(entity(letter).unwrap_or_else(|| letter.encode_utf8(&mut buffer))) {
            break;
        }
    }
    out.finish()
}

/// As [`escaped_within`], with web addresses made clickable. The address is its own link text, so nothing can be forged.
///
/// Needed because our texts are `verbatim`, which turns off Slack's own linking together with its parsing of names.
#[must_use]
pub fn linked_within(text: &str, limit: usize) -> String {
    let mut out = Builder::new(limit);
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = rest.find(char::is_whitespace).unwrap_or(rest.len());
        let word = &rest[..length];
        if is_web_address(word) {
            if !out.push(&format!("<{}>", escaped(word))) {
                break;
            }
            rest = &rest[length..];
            continue;
        }
        // Words are escaped letter by letter: a cut may fall inside of them.
        let end = if length == 0 {
            first.len_utf8()
        } else {
            length
        };
        let mut fits = true;
        for letter in rest[..end].chars() {
            let mut buffer = [0; 4];
            fits = out.push(entity(letter).unwrap_or_else(|| letter.encode_utf8(&mut buffer)));
            if !fits {
                break;
            }
        }
        if !fits {
            break;
        }
        rest = &rest[end..];
    }
    out.finish()
}

fn is_web_address(word: &str) -> bool {
    let Some(rest) = word
        .strip_prefix("https://")
        .or_else(|| word.strip_prefix("http://"))
    else {
        return false;
    };
    // `|` would start a link text, angle brackets would end the link.
    !rest.is_empty() && !rest.contains(['|', '<', '>', '"', '`'])
}

fn entity(letter: char) -> Option<&'static str> {
    match letter {
        '&' => Some("&amp;"),
        '<' => Some("&lt;"),
        '>' => Some("&gt;"),
        _ => None,
    }
}

/// Collects pieces up to a limit, keeping one character for the mark of a cut.
struct Builder {
    out: String,
    chars: usize,
    limit: usize,
    /// Length of `out` in bytes up to which an ellipsis still fits behind.
    safe: usize,
    cut: bool,
}

impl Builder {
    fn new(limit: usize) -> Self {
        Self {
            out: String::new(),
            chars: 0,
            limit,
            safe: 0,
            cut: false,
        }
    }

    /// False when the piece does not fit: then the text is cut here.
    fn push(&mut self, piece: &str) -> bool {
        let length = piece.chars().count();
        if self.chars + length > self.limit {
            self.cut = true;
            return false;
        }
        self.out.push_str(piece);
        self.chars += length;
        if self.chars < self.limit {
            self.safe = self.out.len();
        }
        true
    }

    fn finish(mut self) -> String {
        if self.cut {
            self.out.truncate(self.safe);
            if self.limit > 0 {
                self.out.push(ELLIPSIS);
            }
        }
        self.out
    }
}

/// The first `limit` characters; a cut text ends in `…`. For `plain_text`, which is not escaped.
#[must_use]
pub fn cut(text: &str, limit: usize) -> String {
    if text.chars().nth(limit).is_none() {
        return text.to_owned();
    }
    let mut out: String = text.chars().take(limit.saturating_sub(1)).collect();
    if limit > 0 {
        out.push(ELLIPSIS);
    }
    out
}

/// As [`cut`], counting bytes of UTF-8.
#[must_use]
pub fn cut_bytes(text: &str, limit: usize) -> String {
    if text.len() <= limit {
        return text.to_owned();
    }
    let mut end = limit.saturating_sub(ELLIPSIS.len_utf8());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let mut out = text[..end].to_owned();
    if limit >= ELLIPSIS.len_utf8() {
        out.push(ELLIPSIS);
    }
    out
}

/// Text for a place where Slack demands at least one visible character.
#[must_use]
pub fn or_else<'a>(text: &'a str, otherwise: &'a str) -> &'a str {
    if text.trim().is_empty() {
        otherwise
    } else {
        text
    }
}

/// `<@U…>` for people in Slack, else the escaped name.
#[must_use]
pub fn mention(person: &PersonRef) -> String {
    match &person.slack_id {
        Some(id) => mention_id(id),
        None => escaped_within(&one_line(or_else(&person.name, "somebody")), NAME_CHARS),
    }
}

/// Whether a text may be one of Slack's ids of these kinds (first letters): capitals and digits follow. Short names in capitals
/// look the same; whoever asks knows how long an id has to be there.
#[must_use]
pub fn may_be_id(text: &str, kinds: &[char]) -> bool {
    text.starts_with(kinds)
        && text
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

/// `<@U…>`; anything that cannot be a Slack id is shown as text instead.
#[must_use]
pub fn mention_id(slack_id: &str) -> String {
    if (1..=NAME_CHARS).contains(&slack_id.len())
        && slack_id
            .chars()
            .all(|letter| letter.is_ascii_alphanumeric())
    {
        format!("<@{slack_id}>")
    } else {
        escaped_within(&one_line(or_else(slack_id, "somebody")), NAME_CHARS)
    }
}

/// A moment in the reader's own time zone, with UTC for clients that cannot.
#[must_use]
pub fn moment(at: Timestamp) -> String {
    format!(
        "<!date^{}^{{date_short_pretty}} {{time}}|{}>",
        at.unix_seconds(),
        at.to_utc().format("%Y-%m-%d %H:%M UTC")
    )
}

/// A link; an address that cannot stand in one is shown as text.
#[must_use]
pub fn link(url: &str, words: &str) -> String {
    if is_web_address(url) && !url.contains(char::is_whitespace) {
        format!("<{}|{}>", escaped(url), escaped(words).replace('|', "/"))
    } else {
        format!("{} ({})", escaped(words), escaped(url))
    }
}

const MINUTE_SECONDS: u64 = 60;
const HOUR_SECONDS: u64 = 60 * MINUTE_SECONDS;
const DAY_SECONDS: u64 = 24 * HOUR_SECONDS;
/// `mo` in a duration: 30 days.
const MONTH_SECONDS: u64 = 30 * DAY_SECONDS;

/// A duration in words: "10 minutes", "1 hour 30 minutes".
#[must_use]
pub fn duration_words(seconds: u64) -> String {
    let parts = [
        (seconds / DAY_SECONDS, "day"),
        (seconds % DAY_SECONDS / HOUR_SECONDS, "hour"),
        (seconds % HOUR_SECONDS / MINUTE_SECONDS, "minute"),
        (seconds % MINUTE_SECONDS, "second"),
    ];
    let words: Vec<String> = parts
        .iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, unit)| format!("{number} {unit}{}", if *number == 1 { "" } else { "s" }))
        .collect();
    if words.is_empty() {
        "0 seconds".to_owned()
    } else {
        words.join(" ")
    }
}

/// Seconds of a duration as configurations write it: a positive whole number and `s`, `m`, `h`, `d` or `mo`.
#[must_use]
pub fn parse_duration(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text
        .find(|letter: char| !letter.is_ascii_digit())
        .unwrap_or(text.len());
    let number: u64 = text[..digits].parse().ok()?;
    let unit = match text[digits..].trim() {
        "s" => 1,
        "m" => MINUTE_SECONDS,
        "h" => HOUR_SECONDS,
        "d" => DAY_SECONDS,
        "mo" => MONTH_SECONDS,
        _ => return None,
    };
    number.checked_mul(unit).filter(|seconds| *seconds > 0)
}

/// `true`/`false` in the ways in which configurations write them.
#[must_use]
pub fn parse_bool(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "t" | "yes" | "y" | "1" | "on" => Some(true),
        "false" | "f" | "no" | "n" | "0" | "off" => Some(false),
        _ => None,
    }
}

/// A submitted value as the form called it, see [`value_within`].
#[must_use]
pub fn field_within(field: &SubmittedField, limit: usize) -> String {
    if field.value_labels.is_empty() {
        return value_within(&field.value, limit);
    }
    let labels = field.value_labels.iter();
    joined_within(
        labels.map(|label| one_line(&escaped_within(label, limit))),
        limit,
    )
}

/// A field's value for people, as `mrkdwn` of at most `limit` characters (a single mention may exceed a tiny limit).
#[must_use]
pub fn value_within(value: &FieldValue, limit: usize) -> String {
    match value {
        FieldValue::String(text) if text.trim().is_empty() => "–".to_owned(),
        FieldValue::String(text) => quoted_within(text, limit),
        FieldValue::Int(number) => number.to_string(),
        FieldValue::Bool(true) => "yes".to_owned(),
        FieldValue::Bool(false) => "no".to_owned(),
        FieldValue::Duration(seconds) => duration_words(*seconds),
        FieldValue::SlackUser(user) => mention_id(&user.slack_id),
        FieldValue::SlackUserList(users) => {
            joined_within(users.iter().map(|user| mention_id(&user.slack_id)), limit)
        }
        FieldValue::StrList(words) => joined_within(
            words
                .iter()
                .map(|word| one_line(&escaped_within(word, limit))),
            limit,
        ),
        FieldValue::IntList(numbers) => {
            joined_within(numbers.iter().map(ToString::to_string), limit)
        }
    }
}

/// Text of several lines becomes a quotation, so that it cannot pass for another field or for a line of ours.
fn quoted_within(text: &str, limit: usize) -> String {
    let text = text.trim();
    let lines = text.lines().count();
    if lines < 2 {
        return linked_within(&one_line(text), limit);
    }
    // Two characters (`> `) before each line.
    let room = limit.saturating_sub(2 * lines);
    if room < limit / 2 {
        return linked_within(&one_line(text), limit);
    }
    linked_within(text, room)
        .lines()
        .map(|line| format!("> {line}"))
        .collect::<Vec<_>>()
        .join("\n")
}

/// The text with every control character (line breaks first of all) as a blank.
#[must_use]
pub fn one_line(text: &str) -> String {
    text.chars()
        .map(|letter| {
            if letter.is_control() || matches!(letter, '\u{2028}' | '\u{2029}') {
                ' '
            } else {
                letter
            }
        })
        .collect()
}

/// Whole items, comma separated, as many as fit; the rest as a number.
fn joined_within(items: impl ExactSizeIterator<Item = String>, limit: usize) -> String {
    // " and 99999 more" must fit behind the last item.
    const REST_CHARS: usize = 16;
    let count = items.len();
    let mut out = String::new();
    let mut chars = 0;
    for (index, item) in items.enumerate() {
        let separator = if index == 0 { "" } else { ", " };
        let length = separator.len() + item.chars().count();
        if index > 0 && chars + length + REST_CHARS > limit {
            out.push_str(&format!(" and {} more", count - index));
            return out;
        }
        out.push_str(separator);
        out.push_str(&item);
        chars += length;
    }
    if count == 0 { "–".to_owned() } else { out }
}
