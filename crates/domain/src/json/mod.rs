//! JSON as items use it: strict to read, compared by value.
//!
//! [`parse`] reads I-JSON (RFC 8259 as narrowed by RFC 7493) into [`serde_json::Value`]. It stands
//! in for `serde_json`'s own parser, which accepts duplicate members and takes an object with a
//! private magic member for a number.

pub(crate) mod canonical;
mod decimal;
pub(crate) mod equal;
mod error;
pub(crate) mod excerpt;
pub(crate) mod measure;
mod number;
mod parse;
pub(crate) mod pointer;
mod string;

pub use error::{Error, ErrorKind};
pub use number::NUMBER_BYTES_MAX;
pub use parse::{DEPTH_MAX, parse};
