//! Symbot: a self-hosted Slack bot for access requests. `docs/architecture.md` draws the house.

pub mod allocator;
pub mod bot;
pub mod cli;
pub mod clock;
pub mod commands;
pub mod config;
pub mod control;
pub mod domain;
pub mod engine;
pub mod explain;
pub mod flows;
pub mod flowtest;
#[cfg(test)]
mod fuzzing;
pub mod https;
pub mod inspected;
pub mod kept;
pub mod policy;
pub mod reload;
pub mod secret;
pub mod secrets;
pub mod slack;
pub mod store;
pub mod telemetry;
pub mod web;
