//! Everything that knows Slack.

pub mod api;
pub mod directory;
#[cfg(test)]
mod fake;
pub mod inbound;
pub mod limits;
pub mod pacing;
pub mod socket;
pub mod view;
