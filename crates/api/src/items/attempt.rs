//! `Shelf-Attempt`: how a gateway marks the attempts of one request.
//!
//! A gateway whose connection breaks before the answer has come sends the request again, and cannot
//! tell whether the first attempt did something. All attempts of a request carry the same mark, by
//! which the later ones are recognised.
//!
//! ```text
//! Shelf-Attempt: 7d0c...-2a; n=1; time=60
//! ```
//!
//! An attempt is remembered for `time` seconds, and never for longer than a key is. The first one
//! (`n=1`) is remembered only if it changed something: a request that changed nothing can be decided
//! anew. Later attempts are rare, and are remembered whatever they did, so that an earlier attempt
//! that is still on its way finds their answer and does nothing.
//!
//! The service believes every sender of a mark. A mark can do nothing that a key of the sender's own
//! could not do.

use std::time::Duration;

use contract::extract::InvalidHeader;
use http::HeaderMap;
use http::header::HeaderName;

static SHELF_ATTEMPT: HeaderName = HeaderName::from_static("shelf-attempt");

/// Most characters of a mark. The gateway sends about fifty.
const MARK_CHARACTERS_MAX: usize = 255;

/// Which attempt of a request it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Attempt {
    /// Whether no other attempt was sent before.
    pub(crate) is_first: bool,
    /// How long it is to be remembered.
    pub(crate) time: Duration,
}

/// The field `Shelf-Attempt`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ShelfAttempt {
    /// What all attempts of one request have in common. It begins with a character that no
    /// idempotency key has.
    pub(crate) mark: String,
    pub(crate) attempt: Attempt,
}

impl ShelfAttempt {
    /// Reads the field, if the request has it.
    ///
    /// # Errors
    /// 400 for a field that is no mark.
    pub(crate) fn read(headers: &HeaderMap) -> Result<Option<Self>, InvalidHeader> {
        let mut values = headers.get_all(&SHELF_ATTEMPT).iter();
        let Some(value) = values.next() else { return Ok(None) };
        let text = value.to_str().ok().filter(|_| values.next().is_none());
        let read = text.and_then(Self::parse).ok_or_else(|| {
            InvalidHeader::new(
                &SHELF_ATTEMPT,
                "write a mark, `; n=` and a number, `; time=` and seconds",
            )
        })?;
        Ok(Some(read))
    }

    fn parse(text: &str) -> Option<Self> {
        let (mark, parameters) = text.split_once("; n=")?;
        let (number, seconds) = parameters.split_once("; time=")?;
        let is_sound = (1..=MARK_CHARACTERS_MAX).contains(&mark.len())
            && mark.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        let number: u32 = number.parse().ok().filter(|number| is_sound && *number > 0)?;
        let time = Duration::from_secs(seconds.parse::<u32>().ok()?.into());
        Some(Self { mark: format!("\n{mark}"), attempt: Attempt { is_first: number == 1, time } })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_says_which_attempt_it_is() {
        let read = |text| ShelfAttempt::parse(text).unwrap();
        let first = read("0a-1; n=1; time=60");
        let attempt = Attempt { is_first: true, time: Duration::from_secs(60) };
        assert_eq!(first, ShelfAttempt { mark: "\n0a-1".to_owned(), attempt });
        let second = read("0a-1; n=2; time=60");
        assert_eq!((second.mark, second.attempt.is_first), (first.mark, false));
    }

    #[test]
    fn what_is_no_mark_is_refused() {
        let long = format!("{}; n=1; time=60", "x".repeat(256));
        for text in [
            "",
            "a",
            "a; n=1",
            "; n=1; time=60",
            "a b; n=1; time=60",
            "\"a\"; n=1; time=60",
            "a; n=0; time=60",
            "a; n=-1; time=60",
            "a; n=1; time=",
            "a; n=1; time=60; x",
            "a; n=1; time=4294967296",
            &long,
        ] {
            assert_eq!(ShelfAttempt::parse(text), None, "{text}");
        }
    }
}
