//! The web app.

pub mod backend;
