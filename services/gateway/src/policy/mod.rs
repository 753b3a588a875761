//! The steps that every request passes on its way in, and every answer on its way out. The
//! [stack](mod@crate::stack) says in which order, and why.

mod authenticate;
mod check;
mod cross_origin;
mod deadline;
mod last_hop;
mod limit_streams;
mod load_shed;
mod observe;
mod rate_limit;
mod target;
mod trace;
mod validate;

use http::Version;
use http::request::Parts;

use crate::headers::announce_close;
use crate::reply::Reply;

pub(crate) use authenticate::Authenticate;
pub(crate) use check::check;
pub(crate) use cross_origin::CrossOrigin;
pub(crate) use deadline::Deadline;
pub(crate) use last_hop::LastHop;
pub(crate) use limit_streams::LimitStreams;
pub(crate) use load_shed::LoadShed;
pub(crate) use observe::Observe;
pub(crate) use rate_limit::RateLimit;
pub(crate) use trace::Trace;
pub(crate) use validate::Validate;

/// Ends the client's connection after an answer: the rest of what the client has sent is not read.
/// Over HTTP/2 each request is framed by itself, and there is nothing to end.
fn close_after(head: &Parts, reply: &mut Reply) {
    if head.version < Version::HTTP_2 {
        announce_close(reply.headers_mut());
    }
}
