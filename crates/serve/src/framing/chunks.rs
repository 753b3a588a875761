//! The chunked coding, byte by byte (RFC 9112 §7.1).

use std::io;

use super::characters::{is_field_content, is_token};
use super::head::FIELDS_MAX;

/// Most hexadecimal digits of a chunk's size: 16 would be all of a `u64`, and no client
/// sends a petabyte in one chunk.
const SIZE_DIGITS_MAX: u8 = 12;
/// Most bytes of the extensions and trailers of one body, which the services do not read.
/// hyper allows 16 KiB.
const EXTRA_BYTES_MAX: usize = 4 << 10;

/// Where in a chunked body the next byte stands.
#[derive(Debug)]
pub(super) struct Chunks {
    place: ChunkPart,
    /// Data that is left of the chunk, or its size as far as it was read.
    left: u64,
    digits: u8,
    extra: usize,
    trailers: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ChunkPart {
    Size,
    Extension,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    TrailerStart,
    TrailerName,
    TrailerValue,
    TrailerLf,
    EndLf,
    End,
}

impl Chunks {
    pub(super) fn new() -> Self {
        Self { place: ChunkPart::Size, left: 0, digits: 0, extra: 0, trailers: 0 }
    }

    /// Tells whether the body has ended.
    pub(super) fn ended(&self) -> bool {
        self.place == ChunkPart::End
    }

    /// Passes over as much of `bytes` as belongs to the body, and returns how much that is.
    ///
    /// # Errors
    /// `InvalidData` at the first byte that no body has there.
    pub(super) fn pass(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut at = 0;
        while at < bytes.len() && self.place != ChunkPart::End {
            if self.place == ChunkPart::Data {
                debug_assert!(self.left > 0, "an empty chunk ends the body");
                let data = self.left.min((bytes.len() - at) as u64);
                self.left -= data;
                at += data as usize;
                if self.left == 0 {
                    self.place = ChunkPart::DataCr;
                }
                continue;
            }
            self.step(bytes[at]).ok_or(io::ErrorKind::InvalidData)?;
            at += 1;
        }
        Ok(at)
    }

    /// Passes over one byte that is no data.
    fn step(&mut self, byte: u8) -> Option<()> {
        self.place = match (self.place, byte) {
            (ChunkPart::Size, b'\r') if self.digits > 0 => ChunkPart::SizeLf,
            (ChunkPart::Size, b';') if self.digits > 0 => ChunkPart::Extension,
            (ChunkPart::Size, digit) => {
                let digit = char::from(digit).to_digit(16)?;
                self.digits += 1;
                if self.digits > SIZE_DIGITS_MAX {
                    return None;
                }
                self.left = self.left << 4 | u64::from(digit);
                ChunkPart::Size
            }
            (ChunkPart::Extension, b'\r') => ChunkPart::SizeLf,
            (ChunkPart::Extension, byte) => self.extra(byte, ChunkPart::Extension)?,
            (ChunkPart::SizeLf, b'\n') => {
                self.digits = 0;
                if self.left == 0 { ChunkPart::TrailerStart } else { ChunkPart::Data }
            }
            (ChunkPart::DataCr, b'\r') => ChunkPart::DataLf,
            (ChunkPart::DataLf, b'\n') => ChunkPart::Size,
            (ChunkPart::TrailerStart, b'\r') => ChunkPart::EndLf,
            (ChunkPart::TrailerStart, byte) if is_token(byte) && self.trailers < FIELDS_MAX => {
                self.trailers += 1;
                self.extra(byte, ChunkPart::TrailerName)?
            }
            (ChunkPart::TrailerName, b':') => ChunkPart::TrailerValue,
            (ChunkPart::TrailerName, byte) if is_token(byte) => {
                self.extra(byte, ChunkPart::TrailerName)?
            }
            (ChunkPart::TrailerValue, b'\r') => ChunkPart::TrailerLf,
            (ChunkPart::TrailerValue, byte) => self.extra(byte, ChunkPart::TrailerValue)?,
            (ChunkPart::TrailerLf, b'\n') => ChunkPart::TrailerStart,
            (ChunkPart::EndLf, b'\n') => ChunkPart::End,
            _ => return None,
        };
        Some(())
    }

    fn extra(&mut self, byte: u8, next: ChunkPart) -> Option<ChunkPart> {
        self.extra += 1;
        (is_field_content(byte) && self.extra <= EXTRA_BYTES_MAX).then_some(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Passes `body` in pieces of `piece` bytes, and returns how many belong to it.
    fn pass(body: &[u8], piece: usize) -> io::Result<usize> {
        let mut chunks = Chunks::new();
        let mut passed = 0;
        for piece in body.chunks(piece) {
            passed += chunks.pass(piece)?;
        }
        if chunks.ended() { Ok(passed) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }

    #[test]
    fn sound_bodies_end_where_they_end() {
        for body in [
            "0\r\n\r\n",
            "5\r\nhello\r\n0\r\n\r\n",
            "005\r\nhello\r\nA\r\n0123456789\r\n000\r\n\r\n",
            "5;name=value\r\nhello\r\n0;x\r\nTrailer: y\r\nOther: z\r\n\r\n",
            "2\r\n\r\n\r\n0\r\n\r\n",
        ] {
            let longer = format!("{body}GET / HTTP/1.1\r\n");
            for piece in 1..longer.len() {
                let passed = pass(longer.as_bytes(), piece).unwrap();
                assert_eq!(passed, body.len(), "{body:?} in pieces of {piece}");
            }
        }
    }

    #[test]
    fn bodies_with_a_second_reading_are_refused() {
        let long_size = format!("{}5\r\nhello\r\n0\r\n\r\n", "0".repeat(12));
        let many_trailers = format!("5\r\nhello\r\n0\r\n{}\r\n", "x:\r\n".repeat(FIELDS_MAX + 1));
        let long_extension = format!("5;{}\r\nhello\r\n0\r\n\r\n", "x".repeat(5_000));
        for body in [
            "5\nhello\r\n0\r\n\r\n",
            "5\r\nhello\n0\r\n\r\n",
            "5\r\nhello0\r\n\r\n",
            "5\r\nhelloo\r\n0\r\n\r\n",
            "5\r\nhello\r\n0\n\n",
            "5\r\nhello\r\n0\r\n\n",
            "5\r\nhello\r\n0\r\nX: y\n\r\n",
            "5\r\nhello\r\n0\r\n folded\r\n\r\n",
            "5\r\nhello\r\n0\r\n: y\r\n\r\n",
            "5\r\nhello\r\n0\r\nX\r\n\r\n",
            "5\r\nhello\r\n0\r\nX : y\r\n\r\n",
            "5\r\nhello\r\n0\r\nX\u{e9}: y\r\n\r\n",
            "5 \r\nhello\r\n0\r\n\r\n",
            " 5\r\nhello\r\n0\r\n\r\n",
            "5\t\r\nhello\r\n0\r\n\r\n",
            "+5\r\nhello\r\n0\r\n\r\n",
            "-5\r\nhello\r\n0\r\n\r\n",
            "0x5\r\nhello\r\n0\r\n\r\n",
            "\r\nhello\r\n0\r\n\r\n",
            ";x\r\nhello\r\n0\r\n\r\n",
            "g\r\nhello\r\n0\r\n\r\n",
            "5;x\ny\r\nhello\r\n0\r\n\r\n",
            "5;\0\r\nhello\r\n0\r\n\r\n",
            &long_size,
            &long_extension,
            &many_trailers,
        ] {
            let error = pass(body.as_bytes(), 3).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{body:?}");
        }
    }
}
