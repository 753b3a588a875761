//! One request on its way through the gateway.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use http::HeaderValue;
use http::request::Parts;
use serve::RequestBody;
use serve::framing::{FramingFault, Refusals};

use crate::access::Principal;
use crate::class::Class;
use crate::interim::Interims;
use crate::peer::Peer;
use crate::stream::StreamPlace;

/// A request with all that is known about it. It is boxed once: every step of the policy hands it
/// to the next, and would copy it otherwise.
#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) head: Parts,
    pub(crate) body: RequestBody,
    pub(crate) class: Class,
    pub(crate) peer: Rc<Peer>,
    /// The name of the request, once it has one.
    pub(crate) request_id: Option<HeaderValue>,
    /// Why the head was refused before it was parsed. Then `head` is not the client's.
    pub(crate) fault: Option<FramingFault>,
    /// Tells whether the body that is being read is malformed.
    pub(crate) refusals: Refusals,
    /// The principal, once it is known.
    pub(crate) principal: Option<Arc<Principal>>,
    /// The place among the streams, if the request is one, until it is given to its answer.
    pub(crate) stream_place: Option<StreamPlace>,
    /// Where interim answers go, if the client can take any.
    pub(crate) interims: Option<Interims>,
    pub(crate) started: Instant,
    /// When the client has to have its answer.
    pub(crate) deadline: Instant,
}
