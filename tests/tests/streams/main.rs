//! Streams of JSON lines: bulk, replace and export.

mod bulk;
mod copies;
mod cuts;
mod export;
mod limits;
mod lines;
mod replace;

use e2e::{Answer, Request, Shelf};
use serde_json::{Value, json};

/// A stream of writes to the built-in collection.
fn bulk(lines: impl Into<Vec<u8>>) -> Request {
    stream("/items:bulk", lines)
}

fn stream(target: &str, lines: impl Into<Vec<u8>>) -> Request {
    Request::new("POST", target).body("application/jsonl", lines)
}

/// Writes a line that creates an item, or makes it equal.
fn line(id: &str, size: usize) -> String {
    format!("{{\"id\":\"{id}\",\"item\":{{\"size\":{size}}}}}\n")
}

/// Writes so many lines, in the order of their ids.
fn lines(count: usize) -> String {
    (0..count).map(|number| line(&id(number), number)).collect()
}

fn id(number: usize) -> String {
    format!("item-{number:06}")
}

/// The line that ends a stream of so many items.
fn end(items: usize) -> String {
    format!("{{\"end\":{{\"items\":{items}}}}}\n")
}

/// Returns the lines of an answer.
fn answered(answer: &Answer) -> Vec<Value> {
    let text = answer.text();
    assert!(text.ends_with('\n'), "the last line has its end: {}", answer.shown());
    text.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect()
}

/// Returns the outcomes of a stream of writes, and its last line.
#[track_caller]
fn outcomes(answer: &Answer) -> (Vec<Value>, Value) {
    let mut lines = answered(answer.expect(207));
    let last = lines.pop().expect("there is a last line");
    assert!(last["summary"].is_object(), "the last line sums up: {last}");
    (lines, last)
}

/// Returns a summary in which all that is not told is none.
fn summary(lines: usize, told: &[(&str, usize)]) -> Value {
    let mut summary = json!({ "lines": lines, "created": 0, "updated": 0, "unchanged": 0, "deleted": 0, "stale": 0, "failed": 0 });
    for (name, count) in told {
        summary[*name] = json!(count);
    }
    summary
}

/// Returns the name of a problem in a line.
fn slug(line: &Value) -> &str {
    let kind = line["problem"]["type"].as_str().unwrap_or_default();
    kind.trim_start_matches("/problems#")
}

async fn count(shelf: &Shelf) -> u64 {
    let answer = shelf.send(Request::get("/items:count")).await;
    answer.expect(200).json()["count"].as_u64().expect("a number")
}
