//! What causes each status.

use e2e::Request;

use crate::definitions::DEFINITION;
use crate::operation::{Operation, Subject};

/// An order token that is no integer.
pub(crate) const TIME: &str = "2026-01-31T12:00:00Z";

/// The media type of streams.
const LINES: &str = "application/jsonl";

/// Something that lets an operation answer with a certain status.
#[derive(Debug)]
pub(crate) struct Cause {
    /// Puts that create what the request needs.
    pub(crate) before: Vec<Request>,
    /// What the store does when it is called next.
    pub(crate) fault: Option<&'static str>,
    /// The request itself.
    pub(crate) send: Send,
    /// Its target.
    pub(crate) target: String,
}

/// How a request is sent.
#[derive(Debug)]
pub(crate) enum Send {
    /// As it should be.
    Whole(Request),
    /// While as many streams are open as may be.
    Crowded(Request),
    /// Byte for byte, and then either nothing more or the end of the stream.
    Raw { bytes: Vec<u8>, half_close: bool, is_head: bool },
}

/// Names the item of one cause.
pub(crate) struct Item<'a> {
    pub(crate) operation: &'a Operation,
    pub(crate) target: String,
}

/// Returns what causes `status`; of most statuses one way, of some several with different problem
/// types. Nothing if it is not known.
pub(crate) fn causes(operation: &Operation, status: u16, number: &mut usize) -> Vec<Cause> {
    *number += 1;
    let item = Item { operation, target: operation.target(&format!("tour-{number}")) };
    let found = item.of_limits(status);
    if !found.is_empty() {
        return found;
    }
    match operation.subject() {
        _ if operation.method == "OPTIONS" && status == 204 => vec![sent(item.request())],
        Subject::Readiness | Subject::Service if status == 200 => vec![sent(item.request())],
        Subject::Service if status == 304 => {
            vec![sent(item.request().header("If-None-Match", "*"))]
        }
        Subject::Collection => item.of_collection(status),
        Subject::Stream => item.of_stream(status),
        Subject::Item => item.of_item(status),
        Subject::Definition => item.of_definition(status),
        _ => Vec::new(),
    }
}

pub(crate) fn sent(request: Request) -> Cause {
    let target = request.target().to_owned();
    Cause { before: Vec::new(), fault: None, send: Send::Whole(request), target }
}

impl Item<'_> {
    /// Answers that have the same cause everywhere: limits, and the store.
    fn of_limits(&self, status: u16) -> Vec<Cause> {
        let takes_body = self.operation.takes_body();
        let is_options = self.operation.method == "OPTIONS";
        match status {
            400 if is_options
                || self.operation.subject() == Subject::Readiness
                || self.operation.subject() == Subject::Service =>
            {
                let target = format!("{}?x=1", self.target);
                let asking = Request::new(&self.operation.method, target);
                vec![self.without_host(), sent(asking)]
            }
            408 if takes_body => vec![self.raw("Content-Length: 9\r\n\r\n{", false)],
            413 if takes_body => {
                let mut causes = vec![sent(self.with_body(vec![b' '; (1 << 20) + 1]))];
                // A patch reads first, and a read meets nothing that is too large.
                if self.operation.method != "PATCH" {
                    causes.push(self.faulty("too-large-write"));
                }
                causes
            }
            415 if takes_body => vec![sent(self.bare().body("text/plain", "{}"))],
            414 => {
                let target = format!("{}?{}", self.target, "x".repeat(8_001));
                vec![sent(Request::new(&self.operation.method, target))]
            }
            431 => vec![sent(self.request().header("X-Large", "x".repeat(17 << 10)))],
            503 if self.operation.subject() == Subject::Stream => Vec::new(),
            500 if self.operation.template.ends_with(":export") => {
                vec![self.faulty("panic"), self.faulty("corrupt")]
            }
            500 => match self.operation.subject() {
                Subject::Readiness => vec![self.faulty("panic")],
                Subject::Collection if matches!(self.operation.method.as_str(), "GET" | "HEAD") => {
                    vec![self.faulty("panic"), self.faulty("corrupt"), self.faulty("damaged")]
                }
                _ => vec![self.faulty("panic"), self.faulty("corrupt")],
            },
            503 if self.operation.subject() == Subject::Service => vec![self.faulty("dead")],
            503 => {
                let mut faults = vec!["unavailable", "overloaded", "unknown"];
                // It takes the whole of the time limit, so it is done once.
                if self.operation.method == "PUT" && self.operation.subject() == Subject::Item {
                    faults.push("stall");
                }
                faults.into_iter().map(|fault| self.faulty(fault)).collect()
            }
            507 => {
                let subject = self.operation.subject();
                let cause = match (subject, self.operation.method.as_str()) {
                    (Subject::Item, "PATCH") => {
                        self.on_existing(self.request().header("If-Match", "*"))
                    }
                    (Subject::Definition, "PATCH" | "DELETE") => {
                        self.on_declared(self.with_conflict())
                    }
                    _ => self.faulty("full-write"),
                };
                vec![Cause { fault: Some("full-write"), ..cause }]
            }
            _ => Vec::new(),
        }
    }

    fn of_stream(&self, status: u16) -> Vec<Cause> {
        let with_line = || self.with_body("{\"end\":{\"items\":0}}\n");
        match (self.operation.method.as_str(), status) {
            ("POST", 207) => {
                vec![sent(with_line()), sent(with_line().header("Prefer", "return=minimal"))]
            }
            ("POST", 400) => vec![
                sent(with_line().header("If-Match", "*")),
                sent(with_line().header("Content-Range", "bytes 0-1/2")),
                sent(Request::new("POST", format!("{}?x=1", self.target)).body(LINES, "")),
            ],
            ("POST", 503) => vec![Cause { send: Send::Crowded(with_line()), ..sent(with_line()) }],
            _ => Vec::new(),
        }
    }

    fn of_collection(&self, status: u16) -> Vec<Cause> {
        match (self.operation.method.as_str(), status) {
            ("GET" | "HEAD", 200) => vec![sent(self.request())],
            ("GET" | "HEAD", 400) => {
                let target = format!("{}?limit=0", self.target);
                vec![sent(Request::new(&self.operation.method, target))]
            }
            ("POST", 201) => vec![sent(self.with_body("{}"))],
            ("POST", 400) => vec![
                sent(self.with_body("{")),
                sent(self.with_body("{}").header("If-Match", "x")),
                sent(self.with_body("{}").header("Content-Range", "bytes 0-1/2")),
                sent(self.with_body("{}").header("Content-Encoding", "gzip")),
                sent(Request::post(format!("{}?x=1", self.target), "{}")),
                self.raw("Content-Length: 9\r\n\r\n{", true),
            ],
            ("POST", 412) => vec![sent(self.with_body("{}").header("If-Match", "\"x\""))],
            ("POST", 422) => {
                let key = format!("{}-{status}", self.target);
                let first = self.with_body("{}").header("Idempotency-Key", &key);
                let other = self.with_body(r#"{"size":2}"#).header("Idempotency-Key", &key);
                let reused = Cause { before: vec![first], ..sent(other) };
                vec![sent(self.with_body(r#"{"size":"6"}"#)), reused]
            }
            _ => Vec::new(),
        }
    }

    fn of_item(&self, status: u16) -> Vec<Cause> {
        let minimal = |request: Request| request.header("Prefer", "return=minimal");
        let matching = |request: Request| request.header("If-Match", "*");
        let stale = |request: Request| request.header("If-Match", "\"x\"");
        let method = self.operation.method.as_str();
        match (method, status) {
            (_, 400) => {
                let target = self.operation.target("%00");
                let malformed = Item { operation: self.operation, target };
                let mut causes =
                    vec![sent(malformed.request()), sent(self.request().header("If-Match", "x"))];
                let target = format!("{}?x=1", self.target);
                causes.push(sent(Item { operation: self.operation, target }.request()));
                if self.operation.takes_body() {
                    causes.push(sent(self.with_body("{")));
                    let part = self.with_body("{}").header("Content-Range", "bytes 0-1/2");
                    causes.push(sent(part));
                    causes.push(sent(self.with_body("{}").header("Content-Encoding", "gzip")));
                    causes.push(self.raw("Content-Length: 9\r\n\r\n{", true));
                }
                causes
            }
            ("PUT", 200) => vec![self.on_existing(matching(self.request()))],
            ("PUT", 201) => vec![sent(self.request().header("If-None-Match", "*"))],
            ("PUT", 204) => vec![self.on_existing(minimal(matching(self.request())))],
            ("GET" | "HEAD", 200) => vec![self.on_existing(self.request())],
            ("GET" | "HEAD", 304) => {
                vec![self.on_existing(self.request().header("If-None-Match", "*"))]
            }
            ("PATCH", 200) | ("DELETE", 204) => vec![self.on_existing(matching(self.request()))],
            ("PATCH", 204) => vec![self.on_existing(minimal(matching(self.request())))],
            ("DELETE", 200) => vec![self.on_ordered("1732")],
            ("GET" | "HEAD" | "PATCH" | "DELETE", 404) => vec![sent(matching(self.request()))],
            ("PATCH", 409) => {
                let test = r#"[{"op":"test","path":"/size","value":-1}]"#;
                let patch = Request::json_patch(&self.target, test);
                vec![self.on_existing(matching(patch))]
            }
            (_, 412) => vec![self.on_existing(stale(self.request()))],
            (_, 422) => {
                let under_key = |request: Request| request.header("Idempotency-Key", "tour");
                let reused = under_key(matching(self.request()));
                let before = vec![under_key(self.put(r#"{"size":1}"#))];
                let mixed = self.on_ordered(TIME);
                let mut causes = vec![Cause { before, ..sent(reused) }, mixed];
                if self.operation.takes_body() {
                    let invalid = self.with_body(r#"{"size":"6"}"#);
                    causes.push(Cause { before: Vec::new(), ..sent(matching(invalid)) });
                }
                causes
            }
            (_, 428) => vec![self.on_existing(self.request())],
            _ => Vec::new(),
        }
    }

    /// A request that nothing is wrong with, but for a precondition that may be demanded.
    pub(crate) fn request(&self) -> Request {
        match self.operation.subject() {
            _ if !self.operation.takes_body() => self.bare(),
            Subject::Definition => self.with_body(DEFINITION),
            Subject::Stream => self.with_body("{\"id\":\"a\",\"item\":{\"size\":2}}\n"),
            _ => self.with_body(r#"{"size":2}"#),
        }
    }

    pub(crate) fn bare(&self) -> Request {
        Request::new(&self.operation.method, &self.target)
    }

    fn media_type(&self) -> &'static str {
        match self.operation.method.as_str() {
            "PATCH" => "application/merge-patch+json",
            _ if self.operation.subject() == Subject::Stream => LINES,
            _ => "application/json",
        }
    }

    pub(crate) fn with_body(&self, body: impl Into<Vec<u8>>) -> Request {
        self.bare().body(self.media_type(), body)
    }

    fn put(&self, body: &str) -> Request {
        Request::put(&self.target, body).header("If-None-Match", "*")
    }

    fn on_existing(&self, request: Request) -> Cause {
        Cause { before: vec![self.put(r#"{"size":1}"#)], ..sent(request) }
    }

    /// A request with an order token, to an item that has `1733`.
    fn on_ordered(&self, order: &str) -> Cause {
        let item = self.another();
        let before = item.put(r#"{"size":1}"#).header("Shelf-Order", "1733");
        let request = item.request().header("If-Match", "*").header("Shelf-Order", order);
        Cause { before: vec![before], ..sent(request) }
    }

    /// Another item for the same status.
    pub(crate) fn another(&self) -> Self {
        Self { operation: self.operation, target: format!("{}-2", self.target) }
    }

    /// A request that reaches the store when that fails.
    fn faulty(&self, fault: &'static str) -> Cause {
        let conditional = self.operation.subject() == Subject::Item && self.operation.writes();
        let request = self.request();
        let request = if conditional { request.header("If-Match", "*") } else { request };
        Cause { fault: Some(fault), ..sent(request) }
    }

    fn without_host(&self) -> Cause {
        let (method, target) = (&self.operation.method, &self.target);
        let bytes = format!("{method} {target} HTTP/1.1\r\n\r\n").into_bytes();
        let is_head = method == "HEAD";
        Cause { send: Send::Raw { bytes, half_close: false, is_head }, ..sent(self.bare()) }
    }

    pub(crate) fn raw(&self, rest: &str, half_close: bool) -> Cause {
        let (method, target, media_type) =
            (&self.operation.method, &self.target, self.media_type());
        let bytes = format!(
            "{method} {target} HTTP/1.1\r\nHost: x\r\nContent-Type: {media_type}\r\n{rest}"
        );
        let is_head = method == "HEAD";
        Cause {
            send: Send::Raw { bytes: bytes.into_bytes(), half_close, is_head },
            ..sent(self.bare())
        }
    }
}
