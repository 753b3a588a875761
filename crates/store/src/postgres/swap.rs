//! Swaps that are carried out together.

use super::error::StatementFailure;
use super::rows::{ReplacedAnswers, SwapsByKind};
use super::session::{Parameters, PostgresSession};
use crate::remote::session::{Failure, Swap, SwapResult};
use crate::remote::token::Token;

impl PostgresSession {
    /// Swaps with one statement for each kind, which are sent together. Returns nothing for those
    /// whose statement met a lock, and did nothing.
    pub(super) async fn swap_together(
        &mut self,
        swaps: &[&Swap<Token>],
    ) -> Vec<Option<SwapResult>> {
        let all = |swapped: Option<SwapResult>| vec![swapped; swaps.len()];
        let kinds = match SwapsByKind::of(swaps, self.tombstone_time) {
            Ok(kinds) => kinds,
            Err(error) => return all(Some(SwapResult::Failed(Failure::Refused(error)))),
        };
        // What counts no more may go by itself: whether the swaps happen is a question of their own.
        let replaced = ReplacedAnswers::of(swaps);
        if !replaced.keys.is_empty() {
            let removed = self.call(async |connection| {
                let parameters: &Parameters<'_> = &[&replaced.keys, &replaced.ends];
                connection
                    .client()
                    .execute(&connection.statements.replace_answers, parameters)
                    .await
            });
            match removed.await {
                Ok(_) => {}
                Err(StatementFailure::Conflict) => return all(Some(SwapResult::Moved)),
                Err(StatementFailure::Locked(_)) => return all(None),
                Err(failed) => {
                    return all(Some(SwapResult::Failed(Failure::Refused(
                        failed.into_read_error(),
                    ))));
                }
            }
        }
        let done = self.call(async |connection| {
            let (client, statements) = (connection.client(), &connection.statements);
            Ok(tokio::join!(
                kinds.insert.insert(client, &statements.insert),
                kinds.update.update(client, &statements.update),
                kinds.remove.touch(client, &statements.remove),
                kinds.keep.touch(client, &statements.keep),
            ))
        });
        let verdicts = match done.await {
            Ok((insert, update, remove, keep)) => {
                [insert, update, remove, keep].map(|done| done.map_err(|error| self.judge(error)))
            }
            Err(StatementFailure::Conflict) => return all(Some(SwapResult::Moved)),
            Err(StatementFailure::Locked(_)) => return all(None),
            Err(StatementFailure::Failed(failure)) => {
                return all(Some(SwapResult::Failed(failure)));
            }
        };
        let swapped = swaps.iter().map(|swap| match &verdicts[SwapsByKind::place(swap)] {
            Ok(tokens) if tokens.contains(&swap.token) => Some(SwapResult::Done),
            Ok(_) | Err(StatementFailure::Conflict) => Some(SwapResult::Moved),
            Err(StatementFailure::Locked(_)) => None,
            Err(StatementFailure::Failed(failure)) => Some(SwapResult::Failed(failure.clone())),
        });
        swapped.collect()
    }
}
