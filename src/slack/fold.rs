//! Folds any number of labelled values of any length into a bounded number of blocks and characters.
//!
//! A request message has to carry its buttons whatever the form held, so values give way: long ones are cut before short
//! ones, and what is left out is said. Used by [`super::message`] only.

use slack_morphism::prelude::*;

use super::kit::{mrkdwn, section};
use super::limits;
use super::text;
use crate::domain::field::SubmittedField;

/// One labelled value.
pub(super) struct Row<'a> {
    pub label: &'a str,
    pub value: Shown<'a>,
}

/// What stands under a label.
pub(super) enum Shown<'a> {
    Field(&'a SubmittedField),
    /// Words of ours or of the configuration, not escaped yet.
    Words(String),
}

impl Shown<'_> {
    fn within(&self, limit: usize) -> String {
        match self {
            Self::Field(field) => text::field_within(field, limit),
            Self::Words(words) => text::escaped_within(&text::one_line(words), limit),
        }
    }
}

/// The blocks, and whether anything was shortened or left out.
pub(super) struct Folded {
    pub blocks: Vec<SlackBlock>,
    pub shortened: bool,
}

/// More rows than people would read in a message.
const MOST_ROWS: usize = 100;
const LABEL_CHARS: usize = 150;
/// `*`, `*`, the line break between label and value, and the one behind.
const ROW_EXTRA_CHARS: usize = 4;
/// Rows up to this length stand in two columns.
const COLUMN_CHARS: usize = 120;

/// `chars` bounds the text of all blocks together; `most_blocks` is at least 8.
pub(super) fn fold(rows: &[Row<'_>], chars: usize, most_blocks: usize) -> Folded {
    let kept = &rows[..rows.len().min(MOST_ROWS)];
    let left_out = rows.len() - kept.len();
    let mut shortened = left_out > 0;
    if kept.is_empty() {
        return Folded {
            blocks: Vec::new(),
            shortened,
        };
    }
    let label_chars = LABEL_CHARS.min(chars / kept.len() / 2).max(1);
    let labels: Vec<String> = kept
        .iter()
        .map(|row| text::escaped_within(&text::one_line(row.label), label_chars))
        .collect();
    let used: usize = labels
        .iter()
        .map(|label| label.chars().count() + ROW_EXTRA_CHARS)
        .sum();
    let whole: Vec<String> = kept
        .iter()
        .map(|row| row.value.within(usize::MAX))
        .collect();
    let lengths: Vec<usize> = whole.iter().map(|value| value.chars().count()).collect();
    let cap = fair_share(&lengths, chars.saturating_sub(used))
        .min(limits::SECTION_TEXT_CHARS - LABEL_CHARS - ROW_EXTRA_CHARS);
    let texts: Vec<String> = kept
        .iter()
        .zip(whole)
        .zip(&lengths)
        .zip(&labels)
        .map(|(((row, whole), length), label)| {
            let value = if *length > cap {
                shortened = true;
                text::cut(&row.value.within(cap), cap.max(1))
            } else {
                whole
            };
            format!("*{label}*\n{value}")
        })
        .collect();
    let mut blocks = columns(&texts);
    if blocks.len() > most_blocks {
        blocks = stacked(&texts);
    }
    if left_out > 0 {
        blocks.push(section(&format!("… and {left_out} more")));
    }
    Folded { blocks, shortened }
}

/// The largest cap under which all lengths together fit: short values stay whole, long ones share what is left.
fn fair_share(lengths: &[usize], total: usize) -> usize {
    let mut sorted = lengths.to_vec();
    sorted.sort_unstable();
    let mut left = total;
    for (index, length) in sorted.iter().enumerate() {
        let share = left / (sorted.len() - index);
        if *length > share {
            return share;
        }
        left -= length;
    }
    usize::MAX
}

/// Short rows side by side, long ones across; the order stays.
fn columns(texts: &[String]) -> Vec<SlackBlock> {
    let mut blocks = Vec::new();
    let mut fields: Vec<SlackBlockText> = Vec::new();
    for text in texts {
        if text.lines().count() <= 2 && text.chars().count() <= COLUMN_CHARS {
            fields.push(mrkdwn(text));
            if fields.len() < limits::SECTION_FIELDS {
                continue;
            }
        }
        if !fields.is_empty() {
            blocks.push(side_by_side(std::mem::take(&mut fields)));
        }
        if text.lines().count() > 2 || text.chars().count() > COLUMN_CHARS {
            blocks.push(section(text));
        }
    }
    if !fields.is_empty() {
        blocks.push(side_by_side(fields));
    }
    blocks
}

fn side_by_side(fields: Vec<SlackBlockText>) -> SlackBlock {
    SlackSectionBlock::new().with_fields(fields).into()
}

/// As many rows in each section as fit.
fn stacked(texts: &[String]) -> Vec<SlackBlock> {
    let mut blocks = Vec::new();
    let mut together = String::new();
    for text in texts {
        let length = together.chars().count() + 1 + text.chars().count();
        if !together.is_empty() && length > limits::SECTION_TEXT_CHARS {
            blocks.push(section(&std::mem::take(&mut together)));
        }
        if !together.is_empty() {
            together.push('\n');
        }
        together.push_str(text);
    }
    if !together.is_empty() {
        blocks.push(section(&together));
    }
    blocks
}
