//! `POST /{collection}:bulk`: many writes in one request.

use contract::Responses;
use contract::extract::{LineType, Lines, NoQuery, PreferenceApplied, Return, State};
use contract::line_stream::LineStream;

use super::super::served::ServedCollection;
use super::line::WriteLines;
use super::outcomes::{OutcomeLines, Outcomes};
use super::params::{MayDelete, NoItemFields, PreferLines};
use super::places::NoPlace;
use super::writes::Writes;

/// The answers to a stream of writes.
#[derive(Debug, Responses)]
pub(crate) enum BulkWrite {
    /// What came of each line, as JSON lines in the order of the lines: each is sent when its write is durable, while
    /// the rest of the stream is still arriving. The last line sums up; without it the answer was cut off.
    #[answer(207)]
    Streamed(LineStream<OutcomeLines>, Option<PreferenceApplied>),
}

/// The answers to a stream that does not begin.
#[derive(Debug, Responses)]
#[responses(union)]
pub(crate) enum BulkFailure {
    Places(NoPlace),
}

/// Carries out the writes of a stream, in its order.
///
/// # Cancel safety
/// A client that hangs up leaves each item written or not written, never in between; what has an outcome was
/// written.
pub(crate) async fn bulk_write(
    State(collection): State<ServedCollection>,
    Lines { mut reader, .. }: Lines<WriteLines>,
    NoQuery: NoQuery,
    NoItemFields: NoItemFields,
    PreferLines(returns): PreferLines,
    MayDelete(may_delete): MayDelete,
    media_type: LineType,
) -> Result<BulkWrite, BulkFailure> {
    let place = collection.streams().open()?;
    reader.ask().await;
    let is_minimal = returns == Some(Return::Minimal);
    let lines = LineStream::new(media_type, |sender| {
        let outcomes = Outcomes::new(sender, is_minimal);
        Writes::new(collection, reader, outcomes, may_delete, None).run(place)
    });
    Ok(BulkWrite::Streamed(lines, is_minimal.then_some(PreferenceApplied(Return::Minimal))))
}
