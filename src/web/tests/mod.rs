//! The pages as people and attackers meet them, over a fake engine.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod attacks;
mod browser;
mod deciding;
mod fake;
mod signing_in;
mod viewing;
