//! Limits the streams that are under way.

use std::sync::Arc;

use serve::settings::Trusted;

use super::check::Check;
use super::rate_limit::client_key;
use crate::answers::reply;
use crate::class::Class;
use crate::exchange::Exchange;
use crate::reply::Reply;
use crate::stream::StreamLimit;

/// Refuses streams beyond their [limit](StreamLimit); one that is let pass keeps its place until it is over.
#[derive(Clone, Debug)]
pub(crate) struct LimitStreams {
    pub(crate) limit: Arc<StreamLimit>,
    pub(crate) trusted: Arc<[Trusted]>,
}

impl Check for LimitStreams {
    fn refuse(&self, exchange: &mut Exchange) -> Option<Reply> {
        if exchange.class != Class::Stream {
            return None;
        }
        match self.limit.acquire(client_key(exchange, &self.trusted)) {
            Ok(place) => {
                exchange.stream_place = Some(place);
                None
            }
            Err(refused) => Some(reply(refused)),
        }
    }
}
