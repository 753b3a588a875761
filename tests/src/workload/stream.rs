//! Writes that a client sends as the lines of one request.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::ops::Range;

use serde_json::{Value as Json, json};
use tokio::time::timeout;

use super::Target;
use super::client::{ANSWER_TIME_MAX, Client, DID_NOTHING, Told};
use super::tags::{Tags, item, tag};
use crate::history::{Action, Call, Condition, Outcome, Value};
use crate::http::{Connection, Problem, Request};

/// A line that was sent, and has no outcome yet.
struct SentLine<'a> {
    id: &'a str,
    action: Action,
    call: Call<'a>,
}

impl Client {
    /// Writes to two items, as often as `operations` has numbers, in one request.
    pub(super) async fn write_stream(&mut self, targets: &[Target], operations: Range<usize>) {
        let lines = self.choose_lines(targets, operations);
        let text: String = lines.iter().map(|(id, action)| line(id, *action)).collect();
        let request = Request::new("POST", "/items:bulk").body("application/jsonl", text);
        let mut connection = self.connect().await;
        let recorder = self.recorder.clone();
        let sent = lines.iter().map(|(id, action)| {
            self.lines += 1;
            let call = recorder.call_line(id, self.number, *action, self.lines);
            SentLine { id, action: *action, call }
        });
        let mut sent = sent.collect();
        let reading = self.read_outcomes(&mut connection, &request, &mut sent);
        if let Ok(Ok(())) = timeout(ANSWER_TIME_MAX, reading).await {
            self.connection = Some(connection);
        }
        sent.into_iter().for_each(|line| line.call.open());
    }

    /// Chooses what the lines do. There are few items, so that most lines follow another one for the same item, and
    /// rely on it.
    fn choose_lines<'a>(
        &mut self,
        targets: &'a [Target],
        operations: Range<usize>,
    ) -> Vec<(&'a str, Action)> {
        let mut choose_target = || {
            let at = self.random.below(targets.len() as u64);
            &targets[usize::try_from(at).expect("it is small")]
        };
        let chosen = [choose_target(), choose_target()];
        let mut before: BTreeMap<&str, Value> = BTreeMap::new();
        operations
            .map(|number| {
                let target = chosen[usize::from(self.random.below(2) == 0)];
                let seen = before.get(&*target.id).or(self.seen.get(&target.id)).copied();
                let action = loop {
                    match self.choose(target, seen) {
                        Action::Get => {}
                        action => break self.with_order(action, number),
                    }
                };
                if let Action::Put(value, _) = action {
                    before.insert(&target.id, value);
                }
                (&*target.id, action)
            })
            .collect()
    }

    /// Sends a stream, and records the outcome of each line when it comes. What is left of `sent` is open.
    async fn read_outcomes(
        &mut self,
        connection: &mut Connection,
        request: &Request,
        sent: &mut VecDeque<SentLine<'_>>,
    ) -> io::Result<()> {
        connection.write(request.to_bytes()).await;
        let mut answer = connection.try_read_head().await?;
        if answer.status != 207 {
            connection.try_read_body(&mut answer).await?;
            let did_nothing = DID_NOTHING.contains(&&*Problem::of(&answer).slug);
            assert!(answer.status >= 500, "a stream is not refused: {}", answer.shown());
            if did_nothing {
                sent.clear();
            }
            return Ok(());
        }
        let mut text = Vec::new();
        loop {
            let chunk = connection.chunk().await?;
            if chunk.is_empty() {
                return Ok(());
            }
            text.extend(chunk);
            while let Some(end) = text.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = text.drain(..=end).collect();
                let line: Json = serde_json::from_slice(&line).expect("a line is JSON");
                if line["summary"].is_null() {
                    let sent = sent.pop_front().expect("a line has one outcome");
                    self.learn(sent, &line);
                }
            }
        }
    }

    fn learn(&mut self, sent: SentLine<'_>, line: &Json) {
        let SentLine { id, action, call } = sent;
        assert_eq!(line["id"], id, "outcomes come in the order of the lines: {line}");
        match outcome(action, line, &self.tags) {
            Told::Outcome(outcome) => {
                self.remember(id, action, outcome);
                call.returned(outcome);
            }
            Told::Nothing => call.open(),
            Told::DidNothing => {}
        }
    }
}

/// Writes a line.
fn line(id: &str, action: Action) -> String {
    let (change, condition) = match action {
        Action::Get => unreachable!("a stream reads nothing"),
        Action::Put(value, condition) => (format!(r#""item":{}"#, item(value)), condition),
        Action::Delete(condition) => (r#""op":"delete""#.to_owned(), condition),
    };
    let condition = match condition {
        Condition::None => String::new(),
        Condition::Order(token) => format!(r#","order":{token}"#),
        Condition::IfNoneMatch => r#","if_none_match":"*""#.to_owned(),
        Condition::IfMatch(value) => format!(r#","if_match":{}"#, json!(tag(value))),
    };
    format!("{{\"id\":\"{id}\",{change}{condition}}}\n")
}

/// Reads the outcome of a line.
///
/// # Panics
/// If it is none that the document knows.
fn outcome(action: Action, line: &Json, tags: &Tags) -> Told {
    let status = line["status"].as_u64().unwrap_or_default();
    let shown = || line["etag"].as_str().map(|tag| tags.value(tag));
    let written = |value: Value, outcome: Outcome| {
        assert_eq!(shown(), Some(value), "the tag of what was written: {line}");
        outcome
    };
    Told::Outcome(match (action, status, line["outcome"].as_str()) {
        (_, 200, Some("stale")) => Outcome::Stale(Some(shown().expect("a tag of what is there"))),
        (_, 204, Some("stale")) => Outcome::Stale(None),
        (Action::Put(value, _), 201, Some("created")) => written(value, Outcome::Created),
        (Action::Put(value, _), 200, Some("updated")) => written(value, Outcome::Updated),
        (Action::Put(value, _), 200, Some("unchanged")) => written(value, Outcome::Unchanged),
        (Action::Delete(_), 204, Some("deleted")) => Outcome::Deleted,
        (Action::Delete(_), 404, None) => Outcome::NotFound,
        (_, 412, None) => Outcome::PreconditionFailed,
        (_, 500.., None) => {
            let kind = line["problem"]["type"].as_str().unwrap_or_default();
            let did_nothing = DID_NOTHING.iter().any(|slug| kind.ends_with(&format!("#{slug}")));
            return if did_nothing { Told::DidNothing } else { Told::Nothing };
        }
        _ => panic!("an outcome of nothing that was asked: {line}"),
    })
}
