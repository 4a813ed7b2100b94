//! Terraform root modules → the catalog of flows.

pub mod catalog;
pub mod diagnostic;
