//! Stories: whole requests through the whole bot on a simulated Slack workspace.
//!
//! `in_process` plays what people do, with the time in the test's hand; `binary` starts the real program, kills it, and
//! feeds it bad flows.

mod binary;
mod in_process;
