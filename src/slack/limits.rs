//! Slack's limits, in one place: what a view, a message or an element may hold, and how long things stay usable.
//!
//! Only numbers live here, with the words of the limit. Builders cut to these; the API client and the socket use the
//! times. Lengths count Unicode characters unless the name says bytes.

use std::time::Duration;

// Views.
pub const VIEW_BLOCKS: usize = 100;
/// The serialized view; `views.open` refuses more (`view_too_large`: "greater than 250kb").
pub const VIEW_BYTES: usize = 250_000;
pub const VIEW_TITLE_CHARS: usize = 24;
pub const VIEW_SUBMIT_CHARS: usize = 24;
pub const VIEW_CLOSE_CHARS: usize = 24;
pub const PRIVATE_METADATA_CHARS: usize = 3000;
pub const CALLBACK_ID_CHARS: usize = 255;

// Messages.
pub const MESSAGE_BLOCKS: usize = 50;
/// `chat.update` refuses more (`msg_too_long`); `chat.postMessage` cuts at 40,000 characters. One limit for both.
pub const MESSAGE_TEXT_BYTES: usize = 4000;
/// Observed, not documented: the text of all blocks of a message together.
pub const MESSAGE_BLOCK_TEXT_CHARS: usize = 13_200;

// Identifiers, unique within a view or message.
pub const BLOCK_ID_CHARS: usize = 255;
pub const ACTION_ID_CHARS: usize = 255;

// Blocks.
pub const SECTION_TEXT_CHARS: usize = 3000;
pub const SECTION_FIELDS: usize = 10;
pub const SECTION_FIELD_CHARS: usize = 2000;
pub const HEADER_CHARS: usize = 150;
pub const CONTEXT_ELEMENTS: usize = 10;
pub const ACTIONS_ELEMENTS: usize = 25;
pub const INPUT_LABEL_CHARS: usize = 2000;
pub const INPUT_HINT_CHARS: usize = 2000;

// Elements.
pub const BUTTON_TEXT_CHARS: usize = 75;
pub const BUTTON_VALUE_CHARS: usize = 2000;
pub const PLACEHOLDER_CHARS: usize = 150;
pub const TEXT_INPUT_CHARS: usize = 3000;
pub const OPTION_TEXT_CHARS: usize = 75;
/// Sources differ (75 or 150); 75 holds in both.
pub const OPTION_VALUE_CHARS: usize = 75;
pub const OPTIONS: usize = 100;
pub const OPTION_GROUPS: usize = 100;
pub const CHECKBOX_OPTIONS: usize = 10;
pub const RADIO_OPTIONS: usize = 10;
pub const OVERFLOW_OPTIONS: usize = 5;

// Confirmation dialogs: all four parts are required.
pub const CONFIRM_TITLE_CHARS: usize = 100;
pub const CONFIRM_TEXT_CHARS: usize = 300;
pub const CONFIRM_BUTTON_CHARS: usize = 30;

/// People in a group direct message, the app not counted.
pub const GROUP_DM_PEOPLE: usize = 8;

/// Within this time an envelope must be acknowledged, or the person sees a failure.
pub const ACK_WITHIN: Duration = Duration::from_secs(3);
/// A `trigger_id` opens one view within this time.
pub const TRIGGER_LIVES: Duration = Duration::from_secs(3);
/// How often a `response_url` can be used, and how long.
pub const RESPONSE_URL_USES: usize = 5;
pub const RESPONSE_URL_LIVES: Duration = Duration::from_secs(30 * 60);
/// `chat.postMessage` settles at one message per second and channel after a burst.
pub const MESSAGE_INTERVAL_PER_CHANNEL: Duration = Duration::from_secs(1);
/// Socket Mode connections that one app may hold.
pub const SOCKETS: usize = 10;
