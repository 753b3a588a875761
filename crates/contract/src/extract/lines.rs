//! JSON lines in either direction.

use std::convert::Infallible;
use std::marker::PhantomData;

use http::header::{ACCEPT, EXPECT};

use super::Extract;
use super::media::{InvalidMedia, Media, OpenBody, describe_body};
use crate::inbound::Inbound;
use crate::lines::{LineReader, LineType};
use crate::operation_doc::OperationDoc;

/// The request's body as lines, of which nothing was read.
#[derive(Debug)]
pub struct Lines<M> {
    /// Reads them.
    pub reader: LineReader,
    media: PhantomData<M>,
}

/// Longest line, in bytes without its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineLimit(pub usize);

impl<S, M> Extract<S> for Lines<M>
where
    S: Sync,
    M: Media,
    LineLimit: super::FromRef<S>,
{
    type Rejection = InvalidMedia<M>;

    async fn extract(inbound: &mut Inbound, state: &S) -> Result<Self, InvalidMedia<M>> {
        let LineLimit(line_bytes_max) = super::FromRef::from_ref(state);
        let expects_continue = inbound.headers().contains_key(EXPECT);
        let unlimited = || unreachable!("a stream may have any length");
        let OpenBody { body, is_encoded, .. } =
            OpenBody::take::<M, InvalidMedia<M>>(inbound, u64::MAX, unlimited)?;
        let reader = LineReader::new(body, is_encoded, expects_continue, line_bytes_max);
        Ok(Self { reader, media: PhantomData })
    }

    fn describe(operation: &mut OperationDoc<'_>) {
        describe_body::<M>(operation);
    }
}

/// The type of the answer's lines: the one that the client accepts, and the first if it accepts both or says
/// nothing of them.
impl<S: Sync> Extract<S> for LineType {
    type Rejection = Infallible;

    async fn extract(inbound: &mut Inbound, _: &S) -> Result<Self, Infallible> {
        let accepted = inbound.headers().get_all(ACCEPT).iter();
        Ok(Self::accepted(accepted.filter_map(|value| value.to_str().ok())))
    }

    fn describe(_: &mut OperationDoc<'_>) {}
}
