//! The few block shapes that modals, messages and the Home tab share, on slack-morphism's types.

use serde_json::Value;
use slack_morphism::prelude::*;

use super::limits;
use super::text;

/// `mrkdwn` of ours. `verbatim`: Slack is not to look for names and addresses in it.
pub(super) fn section(words: &str) -> SlackBlock {
    SlackSectionBlock::new().with_text(mrkdwn(words)).into()
}

pub(super) fn context(words: &str) -> SlackBlock {
    SlackContextBlock::new(vec![SlackContextBlockElement::MarkDown(
        SlackBlockMarkDownText::new(text::cut(words, limits::SECTION_FIELD_CHARS))
            .with_verbatim(true),
    )])
    .into()
}

pub(super) fn mrkdwn(words: &str) -> SlackBlockText {
    SlackBlockText::MarkDown(
        SlackBlockMarkDownText::new(text::cut(
            text::or_else(words, "–"),
            limits::SECTION_TEXT_CHARS,
        ))
        .with_verbatim(true),
    )
}

pub(super) fn plain(words: &str, limit: usize) -> SlackBlockPlainTextOnly {
    text::cut(words, limit).as_str().into()
}

/// The only way to JSON here. Our values have string keys and no fallible serializers, so this cannot fail.
pub(super) fn json(value: &impl serde::Serialize) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}
