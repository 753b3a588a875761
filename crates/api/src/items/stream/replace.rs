//! `POST /{collection}:replace`: makes the collection what the stream says.

use std::borrow::Cow;

use contract::Responses;
use contract::extract::{LineType, Lines, PreferenceApplied, Query, Return, State};
use contract::line_stream::LineStream;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

use super::super::failure::StoreFailure;
use super::super::served::ServedCollection;
use super::line::WriteLines;
use super::outcomes::{OutcomeLines, Outcomes};
use super::params::{MayDelete, NoItemFields, PreferLines};
use super::places::NoPlace;
use super::replacement::Replacement;
use super::writes::Writes;

/// The query of a replacement.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReplaceParams {
    /// Most items to delete: a number, or a share of the collection such as `10%`, by which fewer than 100 are always allowed. If there are more, none is deleted.
    #[serde(default)]
    #[schemars(with = "MaxDelete")]
    max_delete: MaxDelete,
    /// With `true` nothing is changed, and the answer says what would be.
    #[serde(default)]
    dry_run: bool,
}

/// `max_delete`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) enum MaxDelete {
    Items(u64),
    Percent(u8),
}

/// Deletions that a share always allows.
const ALWAYS_ALLOWED: u64 = 99;

impl MaxDelete {
    /// Tells whether so many of all items may be deleted.
    pub(super) fn allows(self, deletions: u64, items: u64) -> bool {
        match self {
            Self::Items(max) => deletions <= max,
            Self::Percent(percent) => {
                deletions <= ALWAYS_ALLOWED
                    || u128::from(deletions) * 100 <= u128::from(items) * u128::from(percent)
            }
        }
    }
}

impl std::fmt::Display for MaxDelete {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Items(max) => max.fmt(f),
            Self::Percent(percent) => write!(f, "{percent}%"),
        }
    }
}

impl Default for MaxDelete {
    /// A refresh that loses more than a tenth of a collection is more often a mistake than not.
    fn default() -> Self {
        Self::Percent(10)
    }
}

impl TryFrom<String> for MaxDelete {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        let malformed = "`max_delete` is a number of items, or a share such as `10%`";
        let number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        match text.strip_suffix('%') {
            Some(share) if number(share) => match share.parse() {
                Ok(percent @ 0..=100) => Ok(Self::Percent(percent)),
                _ => Err("`max_delete` is at most `100%`"),
            },
            None if number(&text) => text.parse().map(Self::Items).map_err(|_| malformed),
            _ => Err(malformed),
        }
    }
}

impl JsonSchema for MaxDelete {
    fn schema_name() -> Cow<'static, str> {
        "MaxDelete".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^(?:[0-9]{1,18}|(?:100|[0-9]{1,2})%)$", "default": "10%" })
    }
}

/// The answers to a stream that replaces all items.
#[derive(Debug, Responses)]
pub(crate) enum ReplaceItems {
    /// What came of each line, as for a stream of writes, and then of each item that the stream does not name. The last
    /// line sums up; `problem` in it says why nothing was deleted, if so. Without it the answer was cut off.
    #[answer(207)]
    Streamed(LineStream<OutcomeLines>, Option<PreferenceApplied>),
}

/// The answers to a stream that does not begin.
#[derive(Debug, Responses)]
#[responses(union)]
pub(crate) enum ReplaceFailure {
    Places(NoPlace),
    Store(StoreFailure),
}

/// Carries out the writes of a stream, and then deletes what it did not name.
///
/// # Cancel safety
/// A client that hangs up before the end line deletes nothing.
pub(crate) async fn replace_items(
    State(collection): State<ServedCollection>,
    Lines { mut reader, .. }: Lines<WriteLines>,
    Query(params): Query<ReplaceParams>,
    NoItemFields: NoItemFields,
    PreferLines(returns): PreferLines,
    MayDelete(may_delete): MayDelete,
    media_type: LineType,
) -> Result<ReplaceItems, ReplaceFailure> {
    let place = collection.streams().open()?;
    let ReplaceParams { max_delete, dry_run } = params;
    let replacement = Replacement::begin(&collection, max_delete, dry_run, may_delete).await;
    let replacement = replacement.map_err(StoreFailure::from)?;
    reader.ask().await;
    let is_minimal = returns == Some(Return::Minimal);
    let lines = LineStream::new(media_type, |sender| {
        let outcomes = Outcomes::new(sender, is_minimal);
        Writes::new(collection, reader, outcomes, may_delete, Some(replacement)).run(place)
    });
    Ok(ReplaceItems::Streamed(lines, is_minimal.then_some(PreferenceApplied(Return::Minimal))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guard_is_a_number_or_a_share() {
        let read = |text: &str| MaxDelete::try_from(text.to_owned()).ok();
        assert_eq!(read("0"), Some(MaxDelete::Items(0)));
        assert_eq!(read("12"), Some(MaxDelete::Items(12)));
        assert_eq!(read("100%"), Some(MaxDelete::Percent(100)));
        for text in ["", "%", "-1", "101%", "1.5%", "ten", "99999999999999999999"] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn a_share_allows_fewer_than_a_hundred() {
        let tenth = MaxDelete::default();
        assert!(tenth.allows(99, 99) && !tenth.allows(100, 999) && tenth.allows(100, 1_000));
        assert!(MaxDelete::Items(1).allows(1, 1) && !MaxDelete::Items(0).allows(1, 1_000));
    }
}
