//! Everything that knows Slack.

pub mod view;
