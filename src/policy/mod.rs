//! Policy code: impl.py in worker processes.
//!
//! [`pool`] is what the engine uses; [`types`] is what goes in and comes out; [`host`] is the one list of what
//! implementations can reach, [`http`] what `requests` does, [`recording`] what is kept of a call. [`worker`] is the other
//! process: interpreter ([`vm`], [`native`]), jail, where a call that takes long is ([`whereabouts`]), and the check that
//! nothing leaks from one request to the next ([`baseline`], [`natives`]). The Python side is in `python/`.

mod baseline;
mod data;
mod decode;
mod footprint;
#[cfg(test)]
mod fuzz;
pub mod host;
pub mod http;
mod inherited;
mod jail;
mod lease;
mod native;
mod natives;
pub mod pool;
mod process;
mod processes;
pub mod python_cmd;
pub mod recording;
pub mod secrecy;
mod turns;
pub mod types;
mod vm;
mod watch;
mod whereabouts;
pub mod wire;
pub mod worker;

pub(crate) use decode::PREFETCH;
