//! The pages as pure functions from values to markup. maud escapes everything that is spliced in; `PreEscaped` must not be
//! used here except for the document type.
//!
//! Called by the handlers and, for errors, by the guard.

pub mod assets;
pub mod errors;
pub mod layout;
pub mod list;
pub mod request;
pub mod sign_in;
pub mod words;
