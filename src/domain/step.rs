//! The step function.
