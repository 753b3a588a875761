//! One connection to the database, as the lanes use it.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use bytes::Bytes;
use domain::{Count, ItemId, Key, Keyspace, Moment, PAGE_BYTES_MAX, Page, PageQuery, ReplayKey};
use tokio::time::{Instant, timeout};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Error as DriverError, Row, Statement};

use super::connect::{Connection, Connector};
use super::error::{StatementFailure, is_over, judge};
use super::locked::{RowParts, find_held};
use super::range::range;
use super::rows::{
    ItemColumns, column, column_bytes16, creation_result, damaged_row, item, put_result, stored_in,
};
use super::snapshot::PostgresSnapshot;
use super::statements::Statements;
use crate::codec::decode_remembered;
use crate::error::{Error, ErrorKind};
use crate::remote::session::{
    CurrentState, FORGET_TIME_MAX, Failure, LockWait, Put, PutResult, ReadRequest, Session,
    StoredItem, Swap, SwapResult,
};
use crate::remote::token::Token;
use crate::tombstone::TombstoneTime;

/// How many answers and tombstones are removed at a time: little enough to hold no locks for long.
const FORGOTTEN_AT_A_TIME: i64 = 1_000;

/// From so many puts on, those of items that exist take two statements, and creations half the time.
const MANY: usize = 64;

/// A session. It connects when it is used.
pub(super) struct PostgresSession {
    connector: Rc<Connector>,
    connection: Option<Connection>,
    /// How long its statements wait for locks.
    waits: LockWait,
    /// Whether the last attempt to connect failed: an outage is logged once.
    down: bool,
    pub(super) tombstone_time: TombstoneTime,
}

/// The parameters of a statement.
pub(super) type Parameters<'a> = [&'a (dyn ToSql + Sync)];

impl PostgresSession {
    pub(super) fn new(
        connector: Rc<Connector>,
        waits: LockWait,
        tombstone_time: TombstoneTime,
    ) -> Self {
        Self { connector, connection: None, waits, down: false, tombstone_time }
    }

    async fn connected(&mut self) -> Result<&Connection, Error> {
        if self.connection.as_ref().is_none_or(|connection| connection.client().is_closed()) {
            self.connection = None;
            match self.connector.connect_prepared(self.waits).await {
                Ok(connection) => {
                    if std::mem::take(&mut self.down) {
                        tracing::info!("the database can be reached again");
                    }
                    self.connection = Some(connection);
                }
                Err(error) => {
                    if !std::mem::replace(&mut self.down, true) {
                        let error = &error as &dyn std::error::Error;
                        tracing::warn!(error, "there is no connection to the database");
                    }
                    return Err(error);
                }
            }
        }
        self.connection.as_ref().ok_or_else(|| Error::new(ErrorKind::Internal, "it was just made"))
    }

    /// Makes calls on the connection, within the time of a statement.
    pub(super) async fn call<T>(
        &mut self,
        call: impl AsyncFnOnce(&Connection) -> Result<T, DriverError>,
    ) -> Result<T, StatementFailure> {
        let time_max = self.connector.statement_time_max();
        let connection = self
            .connected()
            .await
            .map_err(|error| StatementFailure::Failed(Failure::Refused(error)))?;
        match timeout(time_max, call(connection)).await {
            Ok(done) => done.map_err(|error| self.judge(error)),
            Err(_) => {
                // The result of what the server still does on it is of no use.
                self.connection = None;
                let message = "the database did not answer in time";
                Err(StatementFailure::Failed(Failure::Lost(Error::new(
                    ErrorKind::Unavailable,
                    message,
                ))))
            }
        }
    }

    /// Judges a failure, and gives the connection up if another one may do better.
    pub(super) fn judge(&mut self, error: DriverError) -> StatementFailure {
        if is_over(&error) {
            self.connection = None;
        }
        judge(error)
    }

    async fn query(
        &mut self,
        statement: impl FnOnce(&Connection) -> &Statement,
        parameters: &Parameters<'_>,
    ) -> Result<Vec<Row>, Error> {
        let rows = self.call(async |connection| {
            connection.client().query(statement(connection), parameters).await
        });
        rows.await.map_err(StatementFailure::into_read_error)
    }

    /// Puts with one statement: all of them, or none.
    async fn put_together(
        &mut self,
        puts: &[Put<'_>],
    ) -> Result<Vec<PutResult<Token>>, StatementFailure> {
        let lost = |error| StatementFailure::Failed(Failure::Lost(error));
        let mut sorted: Vec<_> = puts.iter().collect();
        // All replicas lock rows in the same order.
        sorted.sort_unstable_by_key(|put| put.key);
        let mut items = ItemColumns::default();
        for put in sorted {
            let pushed = items.push(put.key, put.item, put.token);
            pushed.map_err(|error| StatementFailure::Failed(Failure::Refused(error)))?;
        }
        let many = puts.len() >= MANY;
        let put = self.call(async |connection| {
            let Statements { put, create, .. } = &connection.statements;
            let statement = if many { create } else { put };
            connection.client().query(statement, &items.parameters()).await
        });
        let rows = put.await?;
        let by_token: HashMap<_, _> = puts.iter().map(|put| (put.token, put.item)).collect();
        let mut told = HashMap::with_capacity(puts.len());
        for row in rows {
            let token = Token(column_bytes16(&row, 0).map_err(lost)?);
            if let Some(sent) = by_token.get(&token) {
                let one = if many {
                    creation_result(&row, sent, self.tombstone_time)
                } else {
                    put_result(&row, sent)
                };
                told.insert(token, one.map_err(lost)?);
            }
        }
        Ok(puts.iter().map(|put| told.remove(&put.token).unwrap_or(PutResult::Raced)).collect())
    }

    /// Tells for each item whether another session holds its row; none where the database cannot tell.
    ///
    /// # Errors
    /// Another session holds the whole table.
    async fn held_among(&mut self, keys: &[&Key]) -> Result<Vec<bool>, Error> {
        let held = self.call(async |connection| find_held(connection.client(), keys).await).await;
        match held {
            Err(StatementFailure::Locked(error)) => Err(error),
            held => Ok(held.unwrap_or_else(|_| vec![false; keys.len()])),
        }
    }
}

impl Session for PostgresSession {
    /// The token of the last write: no two states of a row have the same.
    type Version = Token;

    type Snapshot = PostgresSnapshot;

    fn snapshot(&self) -> PostgresSnapshot {
        PostgresSnapshot::new(Rc::clone(&self.connector))
    }

    async fn read(
        &mut self,
        wanted: &[ReadRequest<'_>],
    ) -> Result<Vec<CurrentState<Token>>, Error> {
        // What several want is read once: it can be large.
        let mut places: HashMap<&Key, usize> = HashMap::with_capacity(wanted.len());
        let (mut collections, mut ids) = (Vec::new(), Vec::new());
        for key in wanted.iter().filter_map(|one| one.item) {
            places.entry(key).or_insert_with(|| {
                collections.push(key.collection.as_str());
                ids.push(key.id.as_str());
                ids.len() - 1
            });
        }
        let keys: HashSet<_> = wanted.iter().flat_map(|one| one.answers).collect();
        let keys: Vec<_> = keys.into_iter().map(|key| &key.as_bytes()[..]).collect();
        // The answers are read after the items: a reader that sees what a write did also sees what
        // is remembered of it.
        let read = self.call(async |connection| {
            let (client, statements) = (connection.client(), &connection.statements);
            let items = async {
                if ids.is_empty() {
                    return Ok(Vec::new());
                }
                client.query(&statements.read_items, &[&collections, &ids]).await
            };
            let answers = async {
                if keys.is_empty() {
                    return Ok(Vec::new());
                }
                client.query(&statements.read_answers, &[&keys]).await
            };
            // Both are sent at once, in this order.
            tokio::try_join!(biased; items, answers)
        });
        let (items, answers) = read.await.map_err(StatementFailure::into_read_error)?;
        let mut stored: Vec<Option<StoredItem<Token>>> = ids.iter().map(|_| None).collect();
        for row in items {
            let ordinal: i64 = column(&row, 0)?;
            let place = usize::try_from(ordinal - 1).ok().and_then(|at| stored.get_mut(at));
            *place.ok_or_else(damaged_row)? = Some(stored_in(&row, self.tombstone_time)?);
        }
        let mut found = HashMap::with_capacity(answers.len());
        for row in answers {
            let answer = Bytes::copy_from_slice(column(&row, 1)?);
            found.insert(
                ReplayKey::from_bytes(column_bytes16(&row, 0)?),
                decode_remembered(&answer)?,
            );
        }
        let states = wanted.iter().map(|one| {
            let own = one.answers.iter().filter_map(|key| Some((*key, found.get(key)?.clone())));
            let place = one.item.and_then(|key| places.get(key));
            CurrentState {
                stored: place.and_then(|at| stored[*at].clone()),
                answers: own.collect(),
            }
        });
        Ok(states.collect())
    }

    async fn put(&mut self, puts: &[Put<'_>]) -> Result<Vec<PutResult<Token>>, Failure> {
        let mut told: Vec<_> = puts.iter().map(|_| PutResult::Raced).collect();
        let mut parts = RowParts::of(puts.len());
        while let Some(part) = parts.next() {
            let together: Vec<_> = part.iter().map(|at| puts[*at]).collect();
            match self.put_together(&together).await {
                Ok(done) => part.into_iter().zip(done).for_each(|(at, done)| told[at] = done),
                Err(StatementFailure::Conflict) => {}
                Err(StatementFailure::Locked(_)) => {
                    let keys: Vec<_> = together.iter().map(|put| put.key).collect();
                    match self.held_among(&keys).await {
                        Ok(held) => {
                            let aside = parts.divide(part, &held);
                            aside.into_iter().for_each(|at| told[at] = PutResult::Held);
                        }
                        Err(error) if part.len() == puts.len() => {
                            return Err(Failure::Refused(error));
                        }
                        Err(error) => {
                            let failed = || PutResult::Failed(Failure::Refused(error.clone()));
                            part.into_iter().for_each(|at| told[at] = failed());
                        }
                    }
                }
                Err(StatementFailure::Failed(failure)) if part.len() == puts.len() => {
                    return Err(failure);
                }
                Err(StatementFailure::Failed(failure)) => {
                    part.into_iter().for_each(|at| told[at] = PutResult::Failed(failure.clone()));
                }
            }
        }
        Ok(told)
    }

    async fn swap(&mut self, swaps: &[&Swap<Token>]) -> Vec<SwapResult> {
        let mut swapped = vec![SwapResult::Moved; swaps.len()];
        let mut parts = RowParts::of(swaps.len());
        while let Some(part) = parts.next() {
            let together: Vec<_> = part.iter().map(|at| swaps[*at]).collect();
            let done = self.swap_together(&together).await;
            let mut locked = Vec::new();
            for (at, done) in part.into_iter().zip(done) {
                match done {
                    Some(done) => swapped[at] = done,
                    None => locked.push(at),
                }
            }
            if locked.is_empty() {
                continue;
            }
            let keys: Vec<_> = locked.iter().map(|at| &swaps[*at].key).collect();
            match self.held_among(&keys).await {
                Ok(held) => {
                    let aside = parts.divide(locked, &held);
                    aside.into_iter().for_each(|at| swapped[at] = SwapResult::Held);
                }
                Err(error) => {
                    let failed = || SwapResult::Failed(Failure::Refused(error.clone()));
                    locked.into_iter().for_each(|at| swapped[at] = failed());
                }
            }
        }
        swapped
    }

    async fn list(&mut self, query: &PageQuery) -> Result<Page, Error> {
        let (from, without, end) = range(query);
        let rows_max = query.items_max as i64 + 1;
        let bytes_max = PAGE_BYTES_MAX as i64;
        let parameters: &Parameters<'_> =
            &[&query.collection.as_str(), &from, &without, &end, &rows_max, &bytes_max];
        let rows = self.query(|connection| &connection.statements.list, parameters).await?;
        let entries = rows.iter().map(|row| {
            let id = ItemId::new(column(row, 0)?).map_err(|_| damaged_row())?;
            Ok((id, item(row, 1)?))
        });
        Page::collect(entries, query.items_max)
    }

    async fn count(&mut self, query: &PageQuery) -> Result<Count, Error> {
        let (from, without, end) = range(query);
        let rows_max = query.items_max as i64;
        let parameters: &Parameters<'_> =
            &[&query.collection.as_str(), &from, &without, &end, &rows_max];
        let rows = self.query(|connection| &connection.statements.count, parameters).await?;
        let row = rows.first().ok_or_else(damaged_row)?;
        let items = column::<i64>(row, 0)?.try_into().map_err(|_| damaged_row())?;
        let is_cut: bool = column(row, 2)?;
        let last = column::<Option<&str>>(row, 1)?.filter(|_| is_cut);
        let last = last.map(ItemId::new).transpose().map_err(|_| damaged_row())?;
        Ok(Count { items, last })
    }

    async fn collection_after(
        &mut self,
        after: Option<&Keyspace>,
    ) -> Result<Option<Keyspace>, Error> {
        let after = after.map_or("", Keyspace::as_str);
        let parameters: &Parameters<'_> = &[&after];
        let rows =
            self.query(|connection| &connection.statements.collection_after, parameters).await?;
        let name =
            rows.first().map(|row| Keyspace::new(column(row, 0)?).map_err(|_| damaged_row()));
        name.transpose()
    }

    async fn check(&mut self) -> Result<(), Error> {
        let rows = self.query(|connection| &connection.statements.check, &[]).await?;
        let writable: Option<bool> = rows.first().map(|row| column(row, 1)).transpose()?;
        match writable {
            Some(true) => Ok(()),
            Some(false) => Err(Error::new(ErrorKind::Unavailable, "the database takes no writes")),
            None => Err(Error::new(ErrorKind::Corrupt, "the table shelf_format has no row")),
        }
    }

    async fn forget(&mut self, now: Moment) -> Result<(), Error> {
        let now = i64::try_from(now.0).unwrap_or(i64::MAX);
        let until = Instant::now() + FORGET_TIME_MAX;
        while Instant::now() < until {
            let forgotten = self.call(async |connection| {
                let parameters: &Parameters<'_> = &[&now, &FORGOTTEN_AT_A_TIME];
                let (client, statements) = (connection.client(), &connection.statements);
                let answers = client.execute(&statements.forget_answers, parameters).await?;
                let tombstones = client.execute(&statements.forget_tombstones, parameters).await?;
                Ok(answers.max(tombstones))
            });
            if forgotten.await.map_err(StatementFailure::into_read_error)?
                < FORGOTTEN_AT_A_TIME as u64
            {
                break;
            }
        }
        Ok(())
    }
}
