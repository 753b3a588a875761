//! Laws of reading structured header fields.

#[path = "checks/fields.rs"]
mod checks;

use proptest::prelude::*;

use self::checks::check;

proptest! {
    #[test]
    fn any_value_is_read_or_refused(value in prop::collection::vec(any::<u8>(), 0..40)) {
        check(&value);
    }

    #[test]
    fn values_like_keys_are_read_or_refused(value in "[ \t]?\"?([a-z :/,;=-]|\\\\?[\"\\\\]){0,12}\"?") {
        check(value.as_bytes());
    }

    #[test]
    fn long_keys_are_read_or_refused(value in "\"?[a-z]{250,260}\"?") {
        check(value.as_bytes());
    }

    #[test]
    fn values_like_lists_of_tags_are_read_or_refused(
        value in "((W/)?\"[a-z,é!]{0,4}\"?[ \t]?,?[ \t]?|\\*){0,5}",
    ) {
        check(value.as_bytes());
    }

    #[test]
    fn values_like_preferences_are_read_or_refused(
        value in "((return|Return|wait|x)[ ]?=?[ ]?(\"?(minimal|representation|[a-z,;]|\\\\\")\"?)?[ ]?[,;]?[ ]?){0,5}",
    ) {
        check(value.as_bytes());
    }
}
