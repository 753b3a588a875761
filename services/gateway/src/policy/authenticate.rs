//! Authentication and permissions.

use std::sync::Arc;

use super::check::Check;
use super::{close_after, target};
use crate::access::Access;
use crate::answers::{InvalidFraming, WrongMethod, reply};
use crate::document::Documents;
use crate::exchange::Exchange;
use crate::reply::Reply;

/// Refuses requests of clients that are not authenticated or not permitted to make them. Without an
/// [`Access`] every client may. A path that can be read as another one is refused before it is judged. A
/// method that the path does not take is answered 405 before 401 and 403.
#[derive(Clone, Debug)]
pub(crate) struct Authenticate {
    pub(crate) access: Option<Arc<Access>>,
    pub(crate) documents: Arc<Documents>,
}

impl Check for Authenticate {
    fn refuse(&self, exchange: &mut Exchange) -> Option<Reply> {
        let access = self.access.as_ref()?;
        if let Some(why) = target::second_reading(exchange.head.uri.path()) {
            let mut reply = reply(InvalidFraming::target(why));
            close_after(&exchange.head, &mut reply);
            return Some(reply);
        }
        match access.admit(&mut exchange.head) {
            Ok(principal) => {
                exchange.principal = principal;
                None
            }
            Err(denied) => {
                let refusing =
                    self.documents.refusing(&exchange.head.method, exchange.head.uri.path());
                Some(match refusing {
                    Some(allow) => reply(WrongMethod::new(allow)),
                    None => reply(denied),
                })
            }
        }
    }
}
