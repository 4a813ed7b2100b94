//! The store.

pub mod contract;
