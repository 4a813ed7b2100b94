//! The functional core: what a request is, who may decide it, and what follows from an event.
//!
//! Only values live here. Nothing in this module imports tokio, Slack, Python, sled or a clock: time is handed
//! in as [`Timestamp`], identifiers are handed in by the engine. Everything is `Serialize`, because the store keeps it.

#![forbid(unsafe_code)]

pub mod audit;
pub mod effect;
pub mod event;
pub mod field;
pub mod hook;
pub mod permission;
pub mod person;
pub mod routing;
pub mod run;
pub mod shown;
pub mod step;
#[cfg(test)]
mod step_hook_tests;
#[cfg(test)]
mod step_model;
#[cfg(test)]
mod step_tests;
pub mod time;

pub use person::{Person, PersonRef, Role};
pub use run::{Run, RunId, Status};
pub use time::Timestamp;
