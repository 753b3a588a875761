//! The same requests give the same bytes on every back end.

use std::fmt::Write as _;
use std::sync::Arc;

use domain::{Change, Outcome, PageStart, Write};

use super::kit::*;
use crate::memory::Memory;
use crate::options::Options;

pub(crate) async fn the_same_operations_give_the_same_bytes_as_memory(store: Subject) {
    let reference: Subject = Arc::new(Memory::new(&Options::default()));
    let expected = transcript(&reference).await;
    assert!(expected.lines().count() > 100, "the script does something");
    assert_eq!(transcript(&store).await, expected);
}

/// Plays a fixed script and writes down everything that is answered.
async fn transcript(store: &Subject) -> String {
    let mut lines = String::new();
    for round in 0..40_usize {
        let name = ["items", "a", "a-b"][round % 3];
        let text = ["foo", "f", "\u{fc}", "foo bar", "~"][round % 5];
        let sent =
            item(&format!(r#"{{"size":{}.0,"name":"{}"}}"#, round % 4, "x".repeat(round % 3)));
        let basis = item(r#"{"size":1.0,"name":"x"}"#).etag();
        let writes = [
            write(key_in(name, text), Change::Put(sent.clone())),
            if_none_match_any(write(key_in("items", text), Change::Put(sent.clone()))),
            if_match(write(key_in(name, "foo"), Change::Put(sent.clone())), &[basis]),
            write(key_in(name, text), Change::Replace { basis, item: sent }),
            write(key_in("a", if round % 7 == 0 { text } else { "none" }), Change::Delete),
        ];
        // Every token is less than some and greater than others.
        let token = |at: usize| (round * 5 + at) * 7 % 31;
        let order = |at| (at % 2 == 0).then(|| order(&token(at).to_string()));
        let ordered = |(at, write)| Write { order: order(at), ..write };
        let writes = writes.into_iter().enumerate().map(ordered).collect();
        for verdict in all(store, writes).await {
            let line = match verdict {
                Ok(Outcome::Created(item)) => {
                    format!("created {} {:?}", item.etag(), item.representation())
                }
                Ok(Outcome::Updated(item)) => {
                    format!("updated {} {:?}", item.etag(), item.representation())
                }
                Ok(Outcome::Unchanged(item)) => {
                    format!("unchanged {} {:?}", item.etag(), item.representation())
                }
                other => format!("{other:?}"),
            };
            writeln!(lines, "{round} {line}").unwrap();
        }
        for name in ["items", "a", "a-b", "absent"] {
            let page = page(store, name, PageStart::First, 1 + round % 4).await;
            writeln!(
                lines,
                "{round} {name} {:?} {:?}",
                page,
                page.next().map(|cursor| cursor.to_string())
            )
            .unwrap();
        }
    }
    lines
}
