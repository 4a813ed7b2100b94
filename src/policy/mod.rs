//! Policy code: impl.py in worker processes.

pub mod types;
