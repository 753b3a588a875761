//! What holds for all streams of lines.

use bytes::Bytes;
use contract::lines::{Line, LineSplitter, LineTooLong};

/// Small, so that inputs reach it.
pub(crate) const LINE_BYTES_MAX: usize = 8;

/// Splits `text` that comes in pieces of the sizes `cuts`, which repeat. Panics if the lines are others than those
/// that stand in the text.
pub(crate) fn check(text: &[u8], cuts: &[usize]) {
    let mut splitter = LineSplitter::new(LINE_BYTES_MAX);
    let mut expected = expected(text);
    let mut expect = |line: Line<'_>| {
        let expected = expected.next().expect("no more lines than the text has");
        assert_eq!((line.number, line.text), expected);
    };
    let mut rest = text;
    for cut in cuts.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        // A piece may be empty, but not all of them.
        let piece = rest.split_off(..(*cut).min(rest.len())).unwrap_or_default();
        splitter.push(Bytes::copy_from_slice(piece));
        while let Some(line) = splitter.next_line() {
            expect(line);
        }
        assert!(splitter.next_line().is_none(), "no line has ended since");
    }
    if let Some(line) = splitter.rest() {
        expect(line);
    }
    assert!(splitter.rest().is_none(), "it was returned");
    assert_eq!(expected.next(), None, "all lines of the text");
}

/// Returns the lines of a text, by its ends of lines alone.
fn expected(text: &[u8]) -> impl Iterator<Item = (u64, Result<&[u8], LineTooLong>)> {
    let text = text.strip_suffix(b"\n").map_or((!text.is_empty()).then_some(text), Some);
    let lines = text.into_iter().flat_map(|text| text.split(|byte| *byte == b'\n'));
    (1..).zip(
        lines.map(|line| if line.len() <= LINE_BYTES_MAX { Ok(line) } else { Err(LineTooLong) }),
    )
}
