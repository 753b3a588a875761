//! Many writes at a time, as streams make them.

use std::future::ready;
use std::pin::Pin;

use domain::{Verdict, Write, decide};
use futures_util::StreamExt as _;

use super::{NotApplied, ServedCollection};
use crate::items::failure::LookupFailure;

/// Writes that are being applied: one result for each, in their order.
pub(crate) type Applying = Pin<Box<dyn Future<Output = Vec<Result<Verdict, NotApplied>>> + Send>>;

/// Writes on their way to the store, counted by the collection's gate.
#[derive(Debug)]
struct Entered(ServedCollection);

impl Drop for Entered {
    fn drop(&mut self) {
        if let Some(gate) = &self.0.0.shared.gate {
            gate.leave();
        }
    }
}

impl ServedCollection {
    /// Begins to apply writes, after those that were begun before. It waits only if the catalog has to be
    /// read.
    pub(crate) async fn begin_all(&self, mut writes: Vec<Write>) -> Applying {
        let Some(gate) = &self.0.shared.gate else {
            let (this, verdicts) = (self.clone(), self.store().apply(writes));
            return Box::pin(async move { this.counted_all(verdicts.await) });
        };
        if let Err(error) = gate.hold().await {
            let failed = writes.iter().map(|_| Err(error.clone().into())).collect();
            return Box::pin(ready(failed));
        }
        gate.count_write();
        let entered = Entered(self.clone());
        let passes: Vec<_> = writes.iter().map(|write| gate.lets_pass(&write.change)).collect();
        let mut pass = passes.iter();
        writes.retain(|_| pass.next().copied().unwrap_or_default());
        let verdicts = self.store().apply(writes);
        Box::pin(async move {
            let mut verdicts = entered.0.counted_all(verdicts.await).into_iter();
            let mut next = || verdicts.next().expect("a store answers every write");
            let results = passes
                .into_iter()
                .map(|passes| if passes { next() } else { Err(NotApplied::Changing) });
            results.collect()
        })
    }

    /// Tells what writes would do, each by itself, and does nothing.
    pub(crate) fn rehearse_all(&self, writes: Vec<Write>) -> Applying {
        /// Most reads at a time.
        const READS_MAX: usize = 64;
        let this = self.clone();
        Box::pin(async move {
            let rehearse = async |write: Write| {
                let current = this.store().get(&write.key).await?;
                Ok(decide(current.as_ref(), None, &write).verdict)
            };
            futures_util::stream::iter(writes).map(rehearse).buffered(READS_MAX).collect().await
        })
    }

    fn counted_all(
        &self,
        verdicts: Vec<Result<Verdict, store::Error>>,
    ) -> Vec<Result<Verdict, NotApplied>> {
        let outcomes = verdicts.iter().filter_map(|verdict| verdict.as_ref().ok()?.as_ref().ok());
        outcomes.for_each(|outcome| self.0.shared.counters.wrote(outcome));
        verdicts.into_iter().map(|verdict| verdict.map_err(NotApplied::from)).collect()
    }

    /// Returns the collection that has this one's name now, if that is another one.
    pub(crate) async fn successor(&self) -> Result<Option<Self>, LookupFailure> {
        match &self.0.shared.gate {
            Some(gate) if !gate.is_in_force() => {
                let found = gate.successor(self.name()).await?;
                Ok(Some((*found).clone()))
            }
            _ => Ok(None),
        }
    }
}
