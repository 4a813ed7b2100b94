//! What can happen to a run.
