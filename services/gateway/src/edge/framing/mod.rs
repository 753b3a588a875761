//! Strict framing of HTTP/1.1, in front of the parser.
//!
//! A gateway and the server behind it must agree on where a request ends; where they differ, a part
//! of one client's body becomes another client's request (RFC 9112 §11.2). Parsers are lenient, each
//! in its own way, so nothing is left to them: [`Checked`] looks at every byte before hyper does,
//! and lets a head pass only when it is complete and there is one way to read it.
//!
//! A request that is refused never reaches the parser. In its place stands a plain one that closes
//! the connection, and [`Refusals`] tells the service to answer it 400, so that the answer is
//! written, counted and logged like any other, and requests before it are answered in order. A fault
//! in a body ends the body with an error: of a request whose body is malformed no replica gets the
//! whole.

mod chunks;
mod head;
mod io;

pub(crate) use head::{Fault, HEAD_BYTES_MAX};
pub(crate) use io::{Checked, Refusals};
