//! The real program as a process: started, killed, told to end, fed with wrong settings and bad flows.
//!
//! What can be seen from within one process belongs to `in_process`. Every test here pays for a start (about 0.3 s of CPU),
//! so that one test tells one whole story.

mod backing_up;
mod bad_handlers;
mod check;
mod crash;
mod demo;
mod explaining;
mod flowtest;
mod harness;
mod log_destination;
mod probes;
mod reloading;
mod restoring;
mod scale;
mod secrets;
mod settings;
mod shutdown;
mod slow;
mod soak;
mod storm;
