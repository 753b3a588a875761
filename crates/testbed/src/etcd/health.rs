//! What a node says of itself, on a port of its own that needs neither TLS nor password.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Longest wait for an answer. A node without a leader takes one second to say so.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(3);

/// Tells whether a node serves: it answers from a quorum.
pub(super) fn is_healthy(node: SocketAddr) -> bool {
    get(node, "/health").is_ok_and(|answer| answer.contains(r#""health":"true""#))
}

/// Tells whether a node leads, as far as it knows.
pub(super) fn is_leader(node: SocketAddr) -> bool {
    get(node, "/metrics")
        .is_ok_and(|answer| answer.lines().any(|line| line == "etcd_server_is_leader 1"))
}

fn get(node: SocketAddr, path: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&node, ANSWER_TIME_MAX)?;
    stream.set_read_timeout(Some(ANSWER_TIME_MAX))?;
    // The end of the connection is the end of an HTTP/1.0 answer.
    stream.write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
