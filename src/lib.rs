//! Symbot: a self-hosted Slack bot for access requests. `docs/architecture.md` draws the house.

pub mod clock;
pub mod domain;
pub mod flows;
pub mod policy;
pub mod secret;
pub mod slack;
pub mod store;
pub mod web;
