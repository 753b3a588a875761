//! Detects the protocol of a client by its first bytes.

use std::io;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::sleep;

/// A protocol of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1 or HTTP/1.0; or TLS, inside of which is told which one (ALPN, RFC 7301).
    Http1,
    /// HTTP/2 with prior knowledge (RFC 9113 §3.3).
    Http2,
}

/// What an HTTP/2 connection starts with (RFC 9113 §3.4). The method `PRI` is reserved for it, so
/// this much is enough.
const PREFACE: &[u8] = b"PRI";

/// First and longest pause before it is looked whether the rest of three bytes has arrived.
const PAUSE: Duration = Duration::from_millis(10);
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// Waits for the first bytes, and leaves them where they are. Returns `None` if there are none: the
/// client has gone.
///
/// # Errors
/// When the connection is broken.
pub(crate) async fn told(stream: &TcpStream) -> io::Result<Option<Protocol>> {
    let mut first = [0; PREFACE.len()];
    let mut pause = PAUSE;
    loop {
        let length = stream.peek(&mut first).await?;
        if length == 0 {
            return Ok(None);
        }
        if first[..length] != PREFACE[..length] {
            return Ok(Some(Protocol::Http1));
        }
        if length == PREFACE.len() {
            return Ok(Some(Protocol::Http2));
        }
        // A peek leaves the bytes in the socket, so readiness does not tell when more come. Only a test
        // sends the first three bytes in two parts.
        sleep(pause).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    async fn connect() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (server, _) = listener.accept().await.unwrap();
        (client, server)
    }

    #[tokio::test]
    async fn the_first_bytes_tell_and_stay() {
        for (sent, protocol) in [
            ("G", Protocol::Http1),
            ("PUT / HTTP/1.1\r\n", Protocol::Http1),
            ("PROPFIND /", Protocol::Http1),
            ("\u{16}\u{3}", Protocol::Http1),
            ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Protocol::Http2),
        ] {
            let (mut client, mut server) = connect().await;
            client.write_all(sent.as_bytes()).await.unwrap();
            assert_eq!(told(&server).await.unwrap(), Some(protocol), "{sent:?}");
            drop(client);
            let mut arrived = String::new();
            server.read_to_string(&mut arrived).await.unwrap();
            assert_eq!(arrived, sent);
        }
    }

    #[tokio::test]
    async fn bytes_in_parts_are_waited_for() {
        for (parts, protocol) in [(["P", "RI"], Protocol::Http2), (["PR", "O"], Protocol::Http1)] {
            let (mut client, server) = connect().await;
            let sending = async {
                for part in parts {
                    client.write_all(part.as_bytes()).await.unwrap();
                    sleep(PAUSE * 3).await;
                }
            };
            let (told, ()) = tokio::join!(told(&server), sending);
            assert_eq!(told.unwrap(), Some(protocol));
        }
    }

    #[tokio::test]
    async fn who_has_gone_speaks_nothing() {
        let (client, server) = connect().await;
        drop(client);
        assert_eq!(told(&server).await.unwrap(), None);
    }
}
