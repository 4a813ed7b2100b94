//! Stories: whole requests through the whole bot on a simulated Slack workspace.
//!
//! `in_process` plays what people do, with the time in the test's hand; `binary` starts the real program, kills it, and
//! feeds it bad flows.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

mod binary;
mod in_process;
