//! Streams: bulk writes, replacements and exports, whose lines pass in both directions for as long as something
//! moves.
//!
//! A stream is sent once, on a connection of its own ([`attempt`](crate::attempt)). Nothing bounds its length or
//! the whole of its time. What bounds it is the time in which nothing moves in either direction
//! ([`progress`](crate::progress)), and how many there are at a time ([`limit`]).

mod answer;
mod limit;

pub(crate) use answer::StreamAnswer;
pub(crate) use limit::{StreamLimit, StreamPlace, StreamRefused};
