//! What people do in Slack and in the web app, and what they see, with the bot running inside of the test.
//!
//! [`harness`] starts and ends everything and judges what the story cannot see: rules of Slack, panics, the audit journal.
//! [`flows`] writes flows, [`browser`] looks at pages. Each other file is one part of what the bot promises. No story waits
//! for the product's time: it moves the clock.
#![allow(clippy::unwrap_used, clippy::expect_used)]

pub mod browser;
mod filtering;
mod flows;
mod harness;

mod deciding;
mod destinations;
mod environments;
mod failing;
mod faults;
mod formless;
mod forms;
mod guests;
mod guide;
mod hooks;
mod hostcalls;
mod integration;
mod live_forms;
mod log_destinations;
mod moments;
mod notifying;
mod opening;
mod recording;
mod reducers;
mod reloading;
mod routing;
mod starting;
mod unreachable;
mod web;
