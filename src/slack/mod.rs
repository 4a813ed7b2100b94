//! Everything that knows Slack.

pub mod answer;
mod fold;
pub mod form;
pub mod home;
mod kit;
pub mod limits;
pub mod message;
pub mod modal;
pub mod question;
pub mod text;
pub mod view;

#[cfg(test)]
mod tests;
