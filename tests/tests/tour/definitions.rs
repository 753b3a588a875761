//! What causes each status of the operations on definitions.

use e2e::Request;

use crate::causes::{Cause, Item, TIME, sent};

/// A definition.
pub(crate) const DEFINITION: &str = r#"{"schema":{"properties":{"size":{"type":"integer"}}}}"#;

/// One that some items of the first do not satisfy.
pub(crate) const STRICTER: &str =
    r#"{"schema":{"properties":{"size":{"type":"integer","maximum":5}}}}"#;

impl Item<'_> {
    /// Returns what causes `status`. Other causes, such as limits, are those of all operations.
    pub(crate) fn of_definition(&self, status: u16) -> Vec<Cause> {
        let method = self.operation.method.as_str();
        let (request, takes_body) = (self.request(), self.operation.takes_body());
        match (method, status) {
            (_, 400) => self.malformed(),
            ("PUT", 201) => vec![sent(request)],
            ("GET" | "HEAD" | "PUT" | "PATCH", 200) | ("DELETE", 204) => {
                vec![self.on_declared(request)]
            }
            ("PUT" | "PATCH", 204) => {
                vec![self.on_declared(request.header("Prefer", "return=minimal"))]
            }
            ("GET" | "HEAD", 304) => {
                vec![self.on_declared(request.header("If-None-Match", "*"))]
            }
            ("DELETE", 200) => vec![self.on_ordered_definition("1732")],
            (_, 404) => vec![sent(request)],
            (_, 409) => self.conflicts(),
            (_, 412) => {
                vec![self.on_declared(self.with_conflict().header("If-Match", "\"x\""))]
            }
            (_, 422) => {
                let under_key = |request: Request| request.header("Idempotency-Key", "tour");
                let before = vec![under_key(self.declare())];
                let mixed = self.on_ordered_definition(TIME);
                let reused = under_key(request.header("If-Match", "*"));
                let mut causes = vec![Cause { before, ..sent(reused) }, mixed];
                if takes_body {
                    let broken = r#"{"schema":{"type":"thing"}}"#;
                    causes.push(self.on_declared(self.with_body(broken)));
                    causes.push(self.on_declared(self.with_body(r#"{"schema":1}"#)));
                }
                causes
            }
            _ => Vec::new(),
        }
    }

    fn malformed(&self) -> Vec<Cause> {
        let elsewhere =
            |target: &str| Item { operation: self.operation, target: target.to_owned() }.request();
        let query = format!("{}?x=1", self.target);
        let mut causes = vec![
            sent(elsewhere("/collections/-a")),
            sent(elsewhere("/collections/docs")),
            sent(self.request().header("If-Match", "x")),
            sent(elsewhere(&query)),
        ];
        if self.operation.takes_body() {
            causes.push(sent(self.with_body("{")));
            causes.push(sent(self.with_body("{}").header("Content-Range", "bytes 0-1/2")));
            causes.push(sent(self.with_body("{}").header("Content-Encoding", "gzip")));
            causes.push(self.raw("Content-Length: 9\r\n\r\n{", true));
        }
        causes
    }

    fn conflicts(&self) -> Vec<Cause> {
        let configured = Item { operation: self.operation, target: "/collections/items".into() };
        let mut causes = vec![sent(configured.request())];
        let name = self.target.trim_start_matches("/collections");
        let item = Request::put(format!("{name}/a"), r#"{"size":6}"#);
        let before = vec![self.declare(), item];
        causes.push(Cause { before, ..sent(self.with_conflict()) });
        if self.operation.method == "PATCH" {
            let test = r#"[{"op":"test","path":"/schema","value":1}]"#;
            causes.push(self.on_declared(Request::json_patch(&self.target, test)));
        }
        causes
    }

    /// A change that an item with the size 6 stands against.
    pub(crate) fn with_conflict(&self) -> Request {
        if self.operation.takes_body() { self.with_body(STRICTER) } else { self.bare() }
    }

    fn declare(&self) -> Request {
        Request::put(&self.target, DEFINITION)
    }

    /// A request with an order token, to a definition that has `1733`.
    fn on_ordered_definition(&self, order: &str) -> Cause {
        let item = self.another();
        let before = item.declare().header("Shelf-Order", "1733");
        Cause { before: vec![before], ..sent(item.request().header("Shelf-Order", order)) }
    }

    pub(crate) fn on_declared(&self, request: Request) -> Cause {
        Cause { before: vec![self.declare()], ..sent(request) }
    }
}
