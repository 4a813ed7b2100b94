//! Everything that knows Slack. Talking to it: [`socket`], [`inbound`], [`api`], [`pacing`], [`directory`]. What people see, as
//! pure functions from values to blocks: [`modal`], [`message`], [`home`], [`answer`]; what they typed: [`form`]. What administrators can
//! do about its errors: [`hint`].

#![forbid(unsafe_code)]

pub mod answer;
pub mod api;
pub mod directory;
#[cfg(test)]
mod fake;
mod fold;
pub mod form;
pub mod hint;
pub mod home;
pub mod inbound;
mod kit;
pub mod limits;
pub mod live;
pub mod message;
pub mod modal;
pub mod pacing;
pub mod question;
pub mod socket;
pub mod text;
pub mod view;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod workspace_tests;
