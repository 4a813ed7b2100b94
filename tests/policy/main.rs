//! Implementation files in real worker processes: what they may do, what they may not, and how they fail.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod attempts;
mod cost;
mod escapes;
mod failures;
mod guide;
mod http;
mod inspection;
mod isolation;
mod late;
mod recording;
mod reducers;
mod script;
mod sdk;
mod support;
