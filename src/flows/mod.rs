//! Terraform root modules → the catalog of flows, without Terraform.
//!
//! `load` is the way in. Below it: `folder`, `config` and `parse` read files into declarations; `eval` evaluates them lazily into
//! `value`s, with `functions` and `types`; `objects` collects the `sym_*` resources by the table in `schema`; `build`,
//! `params`, `field`, `code` and `rules` (with `references`, `duplicates`, `kinds`) make the `catalog` of them. Problems are collected in `source` and shown by `diagnostic`, without what is `sensitive`;
//! `report` is the answer of `symbot check`; `watch` tells when files that were read have changed. Nothing here talks to Slack, runs Python or keeps anything.

#![forbid(unsafe_code)]

#[cfg(test)]
mod agreement;
mod build;
pub mod catalog;
mod code;
mod config;
#[cfg(test)]
mod corpus;
mod destinations;
pub mod diagnostic;
mod duplicates;
mod eval;
mod field;
mod files;
mod folder;
mod functions;
#[cfg(test)]
mod fuzz;
mod given;
mod json;
mod json_syntax;
mod kinds;
mod load;
mod number;
mod objects;
mod params;
mod parse;
mod references;
pub mod report;
mod rules;
mod schema;
mod sensitive;
mod services;
mod source;
mod types;
mod value;
pub mod watch;

pub use build::FlowDetails;
pub use load::{Assignment, LoadOptions, Loaded, load};
pub(crate) use source::similar;
