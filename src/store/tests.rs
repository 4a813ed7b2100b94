//! Both implementations, the same promises: every test here runs against sled and against memory.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod backup;
mod crash;
pub(crate) mod fixtures;
mod model;
mod opening;
mod powercut;
mod shared;
mod state;
mod tamper;
