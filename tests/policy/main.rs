//! Implementation files in real worker processes: what they may do, what they may not, and how they fail.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod attempts;
mod cost;
mod escapes;
mod failures;
mod guide;
mod inspection;
mod http;
mod isolation;
mod recording;
mod script;
mod sdk;
mod support;
