//! The request's body, read whole and declared as what it has to be.

use std::error::Error;
use std::marker::PhantomData;
use std::time::Duration;

use axum::body::Body;
use axum::extract::FromRef;
use bytes::Bytes;
use http_body_util::BodyExt;
use memory::{Exhausted, Memory, Share};

use super::Extract;
use super::media::{ENCODING, InvalidMedia, Media, OpenBody, describe_body};
use crate::coding::{self, innermost};
use crate::deadline::within;
use crate::inbound::Inbound;
use crate::operation_doc::OperationDoc;
use crate::problem::{Place, Problem};
use crate::refusals::Busy;

/// How much body is read, and for how long.
#[derive(Clone, Debug)]
pub struct BodyLimit {
    /// Most bytes.
    pub bytes_max: usize,
    /// Longest time from the head of the request to the end of its body.
    pub time_max: Duration,
    /// What decoded bodies take their memory from.
    pub memory: Memory,
}

/// The request's body, whole.
#[derive(Debug)]
pub struct Payload<M> {
    /// Which of the media types it was declared as.
    pub media_type: &'static str,
    /// The body.
    pub bytes: Bytes,
    /// What a decoded body takes from the budget of memory. One that was sent as it is has taken it
    /// where it arrived.
    _share: Share,
    media: PhantomData<M>,
}

/// What [`Payload`] answers when it rejects a request.
#[derive(Debug, contract::Responses)]
#[responses(union)]
pub enum InvalidPayload<M: Media> {
    /// The body ended before it was complete. Send the request again.
    #[answer(400)]
    IncompleteBody(Problem),
    /// The body took too long to arrive. Send the request again.
    #[answer(408)]
    BodyTimeout(Problem),
    /// The body is larger than the service takes. If it is encoded, decoded bytes count.
    #[answer(413)]
    ContentTooLarge(Problem),
    /// The body is not declared as one that the operation takes.
    Media(InvalidMedia<M>),
    /// There is no memory left for the body.
    Busy(Busy),
    /// The body is not what its `Content-Encoding` says: it cannot be decoded, or not to its end.
    #[answer(400)]
    UndecodableBody(Problem),
}

impl<S, M> Extract<S> for Payload<M>
where
    S: Sync,
    M: Media,
    BodyLimit: FromRef<S>,
{
    type Rejection = InvalidPayload<M>;

    /// The length is checked before the type and the type before the first byte is read.
    async fn extract(inbound: &mut Inbound, state: &S) -> Result<Self, Self::Rejection> {
        let limit = BodyLimit::from_ref(state);
        let OpenBody { media_type, body, is_encoded } =
            OpenBody::take(inbound, limit.bytes_max as u64, || too_large(limit.bytes_max))?;
        let mut share = limit.memory.share();
        let decoded = is_encoded.then_some(&mut share);
        let bytes = read(body, &limit, decoded).await?;
        Ok(Self { media_type, bytes, _share: share, media: PhantomData })
    }

    fn describe(operation: &mut OperationDoc<'_>) {
        describe_body::<M>(operation);
    }
}

fn too_large<M: Media>(bytes_max: usize) -> InvalidPayload<M> {
    InvalidPayload::ContentTooLarge(Problem::new(format!(
        "The body has more than {bytes_max} bytes."
    )))
}

async fn read<M: Media>(
    body: Body,
    limit: &BodyLimit,
    decoded: Option<&mut Share>,
) -> Result<Bytes, InvalidPayload<M>> {
    match within(limit.time_max, read_all(body, limit.bytes_max, decoded)).await {
        Ok(read) => read,
        Err(_) => {
            let seconds = limit.time_max.as_secs_f32();
            let detail = format!("The body did not arrive within {seconds} s.");
            Err(InvalidPayload::BodyTimeout(Problem::new(detail)))
        }
    }
}

/// Reads a body to its end. One that arrives in one piece, as small ones do, is not copied.
async fn read_all<M: Media>(
    mut body: Body,
    bytes_max: usize,
    mut decoded: Option<&mut Share>,
) -> Result<Bytes, InvalidPayload<M>> {
    let mut whole = Bytes::new();
    let mut pieces = Vec::new();
    while let Some(frame) = body.frame().await {
        // What is not data are trailers, which mean nothing here.
        let is_encoded = decoded.is_some();
        let Ok(piece) = frame.map_err(|error| unread(&error, is_encoded))?.into_data() else {
            continue;
        };
        if let Some(share) = &mut decoded {
            share.grow(piece.len()).map_err(|Exhausted| Busy::out_of_memory())?;
        }
        if whole.len() + pieces.len() + piece.len() > bytes_max {
            return Err(too_large(bytes_max));
        }
        if whole.is_empty() && pieces.is_empty() {
            whole = piece;
        } else {
            if pieces.is_empty() {
                pieces.extend_from_slice(&std::mem::take(&mut whole));
            }
            pieces.extend_from_slice(&piece);
        }
    }
    Ok(if pieces.is_empty() { whole } else { pieces.into() })
}

/// Says why a body could not be read to its end.
fn unread<M: Media>(error: &(dyn Error + 'static), is_encoded: bool) -> InvalidPayload<M> {
    let cause = innermost(error);
    if cause.is::<Exhausted>() {
        return Busy::out_of_memory().into();
    }
    if is_encoded && !coding::is_broken_off(error) {
        let detail = format!("it cannot be decoded: {cause}");
        let problem =
            Problem::new(format!("The body is not what its Content-Encoding says: {detail}."));
        return InvalidPayload::UndecodableBody(problem.at(Place::header(ENCODING, detail)));
    }
    let detail = format!("The body could not be read to its end: {cause}.");
    InvalidPayload::IncompleteBody(Problem::new(detail))
}
