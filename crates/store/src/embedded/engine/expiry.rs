//! Forgetting remembered answers and tombstones, as a by-product of merging.
//!
//! The engine rewrites files now and then to merge them. Answers whose time is over are left out
//! then: there is no sweep, and no write pays for it. Readers recognise an answer that is over and still
//! there by its moment.

use domain::Moment;
use lsm_tree::compaction::filter::{CompactionFilter, Context, Factory, ItemAccessor, Verdict};

use crate::clock::Clock;
use crate::codec::remembered_until;

/// Makes a filter for each merge, by the clock of the store.
#[derive(Debug)]
pub(super) struct ExpiryFilterFactory(pub(super) Clock);

impl Factory for ExpiryFilterFactory {
    fn name(&self) -> &str {
        "forget"
    }

    fn make_filter(&self, _: &Context) -> Box<dyn CompactionFilter> {
        Box::new(ExpiryFilter { now: self.0.now() })
    }
}

struct ExpiryFilter {
    now: Moment,
}

impl CompactionFilter for ExpiryFilter {
    fn filter_item(&mut self, answer: ItemAccessor<'_>, _: &Context) -> lsm_tree::Result<Verdict> {
        // An unreadable answer is kept: the read that asks for it reports the damage.
        let over = remembered_until(&answer.value()?).is_some_and(|until| until <= self.now);
        Ok(if over { Verdict::Remove } else { Verdict::Keep })
    }
}
