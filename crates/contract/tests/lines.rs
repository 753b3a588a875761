//! Laws of splitting a stream into lines.

#[path = "checks/lines.rs"]
mod checks;

use proptest::prelude::*;

use self::checks::{LINE_BYTES_MAX, check};

proptest! {
    #[test]
    fn lines_are_the_same_in_pieces_of_any_size(
        text in "([a-c\r]{0,10}\n?){0,8}",
        one in 1..2 * LINE_BYTES_MAX,
        other in 0..2 * LINE_BYTES_MAX,
    ) {
        check(text.as_bytes(), &[one, other]);
    }
}
