//! What was sent and answered, in a form that can be compared.

use std::fmt::Write as _;

use crate::http::{Answer, Request};

/// Header fields that differ from answer to answer by their nature.
const VOLATILE: [&str; 2] = ["date", "x-request-id"];

/// The field that each hop writes by itself. What it says counts, and not where it stands.
const OF_ONE_HOP: &str = "connection";

/// Exchanges in the order in which they ended.
#[derive(Clone, Debug, Default)]
pub struct Transcript(Vec<String>);

impl Transcript {
    pub(crate) fn note(&mut self, request: &Request, answer: &Answer) {
        let mut text = format!("{} {}\n", request.method(), request.target());
        let _ = writeln!(text, "{}", answer.status_line);
        let fields = answer.headers.iter().filter(|(name, _)| !VOLATILE.contains(&name.as_str()));
        let (own, kept): (Vec<_>, Vec<_>) = fields.partition(|(name, _)| name == OF_ONE_HOP);
        for (name, value) in kept.into_iter().chain(own) {
            let _ = writeln!(text, "{name}: {value}");
        }
        text.push_str(&answer.text());
        self.0.push(without_uuids(&text));
    }

    /// Compares two of them.
    ///
    /// # Panics
    /// At the first difference.
    pub fn assert_equals(&self, other: &Self) {
        for (mine, theirs) in self.0.iter().zip(&other.0) {
            assert_eq!(mine, theirs, "two services answer differently");
        }
        assert_eq!(self.0.len(), other.0.len(), "the transcripts have different lengths");
    }
}

/// Replaces UUIDs, which the server makes anew each time.
fn without_uuids(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if rest.get(..36).is_some_and(is_uuid) {
            result.push_str("{uuid}");
            rest = &rest[36..];
        } else {
            result.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    result
}

fn is_uuid(text: &str) -> bool {
    text.bytes().enumerate().all(|(at, byte)| match at {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte),
    })
}
