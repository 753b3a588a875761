//! Writes a head and a small body as one piece.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::AsyncWrite;

/// Most bytes that are gathered on the stack: a head and a small item.
const GATHERED_BYTES_MAX: usize = 1 << 10;

/// Writes several pieces. Small ones are put together first: to copy some hundred bytes costs less
/// than to have the kernel read a list. Large ones are not copied.
///
/// # Errors
/// Those of the stream.
pub fn poll_write<T: AsyncWrite>(
    stream: Pin<&mut T>,
    context: &mut Context<'_>,
    pieces: &[IoSlice<'_>],
) -> Poll<io::Result<usize>> {
    let [_, _, ..] = pieces else {
        return stream.poll_write(context, pieces.first().map_or(&[], |piece| piece));
    };
    let length: usize = pieces.iter().map(|piece| piece.len()).sum();
    if length > GATHERED_BYTES_MAX {
        return stream.poll_write_vectored(context, pieces);
    }
    let mut gathered = [0; GATHERED_BYTES_MAX];
    let mut at = 0;
    for piece in pieces {
        gathered[at..at + piece.len()].copy_from_slice(piece);
        at += piece.len();
    }
    stream.poll_write(context, &gathered[..length])
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::{AsyncReadExt, duplex};

    use super::*;

    #[tokio::test]
    async fn pieces_arrive_in_their_order_whatever_their_size() {
        for sizes in [&[][..], &[3], &[3, 4], &[0, 1, 0], &[600, 424], &[600, 425], &[5_000, 1]] {
            let parts: Vec<Vec<u8>> =
                sizes.iter().zip(b'a'..).map(|(size, byte)| vec![byte; *size]).collect();
            let pieces: Vec<_> = parts.iter().map(|part| IoSlice::new(part)).collect();
            let (mut writer, mut reader) = duplex(1 << 14);
            let written =
                poll_fn(|context| poll_write(Pin::new(&mut writer), context, &pieces)).await;
            assert_eq!(written.unwrap(), sizes.iter().sum::<usize>());
            drop(writer);
            let mut arrived = Vec::new();
            reader.read_to_end(&mut arrived).await.unwrap();
            assert_eq!(arrived, parts.concat(), "{sizes:?}");
        }
    }
}
