//! `symbot test DIR`: runs the cases in `tests.yaml` beside each flow, with the real catalog, the real workers and the real
//! permission table, and says where what came out is not what was expected.
//!
//! [`tree`] reads YAML and keeps the place of everything; [`read`] and [`expected`], with [`reader`], make the [`suite`] of it, strictly: a key that is not
//! known is a problem. [`find`] looks for the files. For each case [`request`] fills in the flow's form and makes the event,
//! [`host`] answers what the handlers ask, [`run`] calls them, [`compare`] holds the answers against the expectations.
//! [`report`] is what comes out. Nothing here talks to Slack or touches a store, and nothing is printed.

mod chain;
mod compare;
mod expected;
mod find;
mod host;
mod read;
mod reader;
pub mod report;
mod request;
mod run;
mod suite;
mod tree;

pub use run::run;
