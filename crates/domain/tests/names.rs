//! Laws of reading cursors, ids, prefixes, tags and order tokens.

#[path = "checks/names.rs"]
mod checks;

use domain::{Cursor, ETag, ItemId};
use proptest::prelude::*;

use self::checks::check;

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in any::<String>()) {
        check(&text);
    }

    #[test]
    fn texts_like_names_are_read_or_refused(text in "[a-z./\\\\é\u{10ffff}-]{0,12}") {
        check(&text);
    }

    #[test]
    fn texts_like_keyspaces_are_read_or_refused(text in "[a-z][a-z0-9@-]{0,4}@[0-9a-fA-F]{15,17}") {
        check(&text);
    }

    #[test]
    fn texts_like_order_tokens_are_read_or_refused(
        text in "[0-9]{1,40}|[0-9]{4}-[01][0-9]-[0-3][0-9][Tt ][0-2][0-9]:[0-5][0-9]:[0-6][0-9](\\.[0-9]{1,10})?([Zz]|[+-][0-2][0-9]:[0-5][0-9])",
    ) {
        check(&text);
    }

    #[test]
    fn texts_like_cursors_and_tags_are_read_or_refused(text in "A[A-Za-z0-9_=-]{1,30}") {
        check(&text);
        check(&format!("\"{}\"", text.get(..22).unwrap_or(&text)));
    }

    #[test]
    fn a_damaged_cursor_or_tag_is_another_one_or_none(
        id in "[a-zé][a-zé/.]{0,60}[a-zé]",
        at: prop::sample::Index,
        byte in "[A-Za-z0-9_=-]",
    ) {
        if let Ok(id) = ItemId::new(&id) {
            for mut text in [Cursor::After(id).to_string(), ETag::of(b"{}").to_string()] {
                check(&text);
                let at = at.index(text.len());
                text.replace_range(at..at + 1, &byte);
                check(&text);
            }
        }
    }
}
