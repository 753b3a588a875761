//! A request, byte for byte what a test says.

/// A request. Nothing is checked and nothing is added but `Host` and, for a body, its length.
#[derive(Clone, Debug)]
pub struct Request {
    method: String,
    target: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Option<Vec<u8>>,
    chunked: bool,
}

impl Request {
    /// Makes a request without a body.
    #[must_use]
    pub fn new(method: &str, target: impl Into<String>) -> Self {
        let (method, target) = (method.to_owned(), target.into());
        Self { method, target, headers: Vec::new(), body: None, chunked: false }
    }

    /// GET
    #[must_use]
    pub fn get(target: impl Into<String>) -> Self {
        Self::new("GET", target)
    }

    /// HEAD
    #[must_use]
    pub fn head(target: impl Into<String>) -> Self {
        Self::new("HEAD", target)
    }

    /// DELETE
    #[must_use]
    pub fn delete(target: impl Into<String>) -> Self {
        Self::new("DELETE", target)
    }

    /// PUT of JSON.
    #[must_use]
    pub fn put(target: impl Into<String>, json: impl Into<Vec<u8>>) -> Self {
        Self::new("PUT", target).body("application/json", json)
    }

    /// POST of JSON.
    #[must_use]
    pub fn post(target: impl Into<String>, json: impl Into<Vec<u8>>) -> Self {
        Self::new("POST", target).body("application/json", json)
    }

    /// PATCH with a merge patch.
    #[must_use]
    pub fn merge_patch(target: impl Into<String>, json: impl Into<Vec<u8>>) -> Self {
        Self::new("PATCH", target).body("application/merge-patch+json", json)
    }

    /// PATCH with a JSON Patch.
    #[must_use]
    pub fn json_patch(target: impl Into<String>, json: impl Into<Vec<u8>>) -> Self {
        Self::new("PATCH", target).body("application/json-patch+json", json)
    }

    /// Adds a header field.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    /// Sets the body and its `Content-Type`.
    #[must_use]
    pub fn body(self, media_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.header("Content-Type", media_type).bare_body(body)
    }

    /// Sets the body alone.
    #[must_use]
    pub fn bare_body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// Sends the body in chunks, so that its length is not known beforehand.
    #[must_use]
    pub fn chunked(mut self) -> Self {
        self.chunked = true;
        self
    }

    /// Returns the method.
    #[must_use]
    pub fn method(&self) -> &str {
        &self.method
    }

    /// Returns the target.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.target
    }

    /// Returns the request on the wire.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = format!("{} {} HTTP/1.1\r\n", self.method, self.target).into_bytes();
        let names = |name: &str| self.headers.iter().any(|(n, _)| n.eq_ignore_ascii_case(name));
        if !names("host") {
            bytes.extend(b"Host: shelf.test\r\n");
        }
        for (name, value) in &self.headers {
            bytes.extend(name.as_bytes());
            bytes.extend(b": ");
            bytes.extend(value);
            bytes.extend(b"\r\n");
        }
        match &self.body {
            None => bytes.extend(b"\r\n"),
            Some(body) if self.chunked => {
                bytes.extend(b"Transfer-Encoding: chunked\r\n\r\n");
                for chunk in body.chunks(64 << 10) {
                    bytes.extend(format!("{:x}\r\n", chunk.len()).into_bytes());
                    bytes.extend(chunk);
                    bytes.extend(b"\r\n");
                }
                bytes.extend(b"0\r\n\r\n");
            }
            Some(body) => {
                if !names("content-length") {
                    bytes.extend(format!("Content-Length: {}\r\n", body.len()).into_bytes());
                }
                bytes.extend(b"\r\n");
                bytes.extend(body);
            }
        }
        bytes
    }
}
