//! A stream: it is sent once, and passes in both directions at the same time.

use http::Request;

use super::attempts::Attempts;
use super::pass_through::Passing;
use super::settle;
use crate::answers::reply;
use crate::exchange::Exchange;
use crate::progress::{IdleTimer, Progress};
use crate::reply::{Reply, ReplyBody};
use crate::request_body;

impl Attempts<'_> {
    /// Sends a stream to a replica, and passes its answer on. A connection that cannot be made lets it go to another
    /// one; once something may have been sent, nothing does.
    pub(super) async fn forward_stream(&mut self, exchange: Exchange) -> Reply {
        let Exchange { head, body, refusals, stream_place, .. } = exchange;
        let idle_time_max = self.forwarder.settings.stream_idle_time_max;
        let progress = Progress::new();
        let idle = IdleTimer::new(progress.clone(), idle_time_max);
        let is_asked = !self.plan.expects_continue;
        let (body, handle) = request_body::stream(body, &head.headers, &refusals, is_asked, idle);
        self.interims.body = handle.clone();
        let request = Request::from_parts(head, body);
        let passing = Passing { body: handle.as_ref(), progress: &progress, idle_time_max };
        let answer = self.pass_through(request, &passing).await;
        let mut reply = match handle {
            Some(handle) => settle(answer, handle, self.closes),
            None => answer.unwrap_or_else(reply),
        };
        if let ReplyBody::Stream(answer) = reply.body_mut() {
            answer.keep(stream_place);
        }
        reply
    }
}
