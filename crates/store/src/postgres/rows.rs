//! Writes as arrays of columns, and rows as what they stand for.

use std::collections::HashSet;
use std::error::Error as StdError;

use bytes::{Bytes, BytesMut};
use domain::{Digest, ETag, Item, Key, Moment, Order, Outcome, State};
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, accepts, to_sql_checked};
use tokio_postgres::{Client, Error as DriverError, Row, Statement};

use crate::codec::encode_remembered;
use crate::error::{Error, ErrorKind};
use crate::remote::session::{Next, PutResult, StoredItem, Swap};
use crate::remote::token::Token;
use crate::tombstone::{Tombstone, TombstoneTime};

/// Sixteen bytes, as hashes and tokens are, in a column of type `bytea`.
#[derive(Debug)]
pub(super) struct Bytes16([u8; 16]);

impl ToSql for Bytes16 {
    fn to_sql(
        &self,
        _: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        out.extend_from_slice(&self.0);
        Ok(IsNull::No)
    }

    accepts!(BYTEA);
    to_sql_checked!();
}

/// Items that are sent: one array a column.
#[derive(Default)]
pub(super) struct ItemColumns<'a> {
    collections: Vec<&'a str>,
    ids: Vec<&'a str>,
    etags: Vec<Bytes16>,
    digests: Vec<Bytes16>,
    representations: Vec<&'a str>,
    tokens: Vec<Bytes16>,
    orders: Vec<Option<Bytes16>>,
    deletions: Vec<Option<i64>>,
}

impl<'a> ItemColumns<'a> {
    pub(super) fn push(&mut self, key: &'a Key, item: &'a Item, token: Token) -> Result<(), Error> {
        let representation = str::from_utf8(item.representation()).map_err(|error| {
            Error::with_source(ErrorKind::Internal, "an item is not UTF-8", error)
        })?;
        self.collections.push(key.collection.as_str());
        self.ids.push(key.id.as_str());
        self.etags.push(Bytes16(*item.etag().as_bytes()));
        self.digests.push(Bytes16(*item.digest().as_bytes()));
        self.representations.push(representation);
        self.tokens.push(Bytes16(token.0));
        self.orders.push(item.order().map(|order| Bytes16(order.to_bytes())));
        self.deletions.push(None);
        Ok(())
    }

    /// Adds a tombstone: a row that says until when it is kept. The columns of an item mean nothing there.
    fn push_tombstone(&mut self, key: &'a Key, tombstone: Tombstone, token: Token) {
        self.collections.push(key.collection.as_str());
        self.ids.push(key.id.as_str());
        self.etags.push(Bytes16([0; 16]));
        self.digests.push(Bytes16([0; 16]));
        // It is JSON for the queries and indexes of operators.
        self.representations.push("{}");
        self.tokens.push(Bytes16(token.0));
        self.orders.push(Some(Bytes16(tombstone.order.to_bytes())));
        self.deletions.push(Some(end(tombstone.until.0)));
    }

    pub(super) fn parameters(&self) -> [&(dyn ToSql + Sync); 6] {
        let Self { collections, ids, etags, digests, representations, tokens, .. } = self;
        [collections, ids, etags, digests, representations, tokens]
    }

    fn swap_parameters(&self) -> impl Iterator<Item = &(dyn ToSql + Sync)> {
        let more: [&(dyn ToSql + Sync); 2] = [&self.orders, &self.deletions];
        self.parameters().into_iter().chain(more)
    }
}

/// Swaps, by the statement that carries them out.
#[derive(Default)]
pub(super) struct SwapsByKind<'a> {
    pub(super) insert: SwapColumns<'a>,
    pub(super) update: SwapColumns<'a>,
    pub(super) remove: SwapColumns<'a>,
    pub(super) keep: SwapColumns<'a>,
}

/// Swaps of one kind.
#[derive(Default)]
pub(super) struct SwapColumns<'a> {
    items: ItemColumns<'a>,
    keys: (Vec<&'a str>, Vec<&'a str>),
    tokens: Vec<Bytes16>,
    expected: Vec<Bytes16>,
    answers: AnswerColumns,
}

/// What is to be remembered, each with the token of its swap.
#[derive(Default)]
struct AnswerColumns {
    tokens: Vec<Bytes16>,
    keys: Vec<Bytes16>,
    ends: Vec<i64>,
    answers: Vec<Vec<u8>>,
}

impl<'a> SwapsByKind<'a> {
    /// Sorts swaps by kind. All replicas lock rows in the same order.
    pub(super) fn of(swaps: &[&'a Swap<Token>], time: TombstoneTime) -> Result<Self, Error> {
        let mut sorted = swaps.to_vec();
        sorted.sort_unstable_by_key(|swap| &swap.key);
        let mut kinds = Self::default();
        for swap in sorted {
            let kind = match Self::place(swap) {
                0 => &mut kinds.insert,
                1 => &mut kinds.update,
                2 => &mut kinds.remove,
                _ => &mut kinds.keep,
            };
            kind.push(swap, time)?;
        }
        Ok(kinds)
    }

    /// Returns which kind a swap is: 0 for an insertion, then as the fields are ordered.
    pub(super) fn place(swap: &Swap<Token>) -> usize {
        match (&swap.next, swap.expected) {
            (Next::Item(_) | Next::Deleted(_), None) => 0,
            (Next::Item(_) | Next::Deleted(_), Some(_)) => 1,
            (Next::Nothing, _) => 2,
            (Next::Same, _) => 3,
        }
    }
}

impl<'a> SwapColumns<'a> {
    fn push(&mut self, swap: &'a Swap<Token>, time: TombstoneTime) -> Result<(), Error> {
        match &swap.next {
            Next::Item(item) => self.items.push(&swap.key, item, swap.token)?,
            Next::Deleted(order) => {
                self.items.push_tombstone(&swap.key, time.tombstone(*order), swap.token);
            }
            Next::Nothing | Next::Same => {
                self.keys.0.push(swap.key.collection.as_str());
                self.keys.1.push(swap.key.id.as_str());
                self.tokens.push(Bytes16(swap.token.0));
            }
        }
        self.expected.extend(swap.expected.map(|token| Bytes16(token.0)));
        for answer in &swap.answers {
            self.answers.tokens.push(Bytes16(swap.token.0));
            self.answers.keys.push(Bytes16(*answer.key.as_bytes()));
            self.answers.ends.push(end(answer.remembered.until.0));
            self.answers.answers.push(encode_remembered(&answer.remembered));
        }
        Ok(())
    }

    /// Inserts, and returns the tokens of the swaps that happened.
    pub(super) async fn insert(
        &self,
        client: &Client,
        statement: &Statement,
    ) -> Result<HashSet<Token>, DriverError> {
        let columns = self.items.swap_parameters();
        self.send(client, statement, columns.chain(self.answers.parameters())).await
    }

    /// Updates, and returns the tokens of the swaps that happened.
    pub(super) async fn update(
        &self,
        client: &Client,
        statement: &Statement,
    ) -> Result<HashSet<Token>, DriverError> {
        let expected: [&(dyn ToSql + Sync); 1] = [&self.expected];
        let columns = self.items.swap_parameters().chain(expected);
        self.send(client, statement, columns.chain(self.answers.parameters())).await
    }

    /// Removes or keeps, and returns the tokens of the swaps that happened.
    pub(super) async fn touch(
        &self,
        client: &Client,
        statement: &Statement,
    ) -> Result<HashSet<Token>, DriverError> {
        let columns: [&(dyn ToSql + Sync); 4] =
            [&self.keys.0, &self.keys.1, &self.tokens, &self.expected];
        self.send(client, statement, columns.into_iter().chain(self.answers.parameters())).await
    }

    async fn send(
        &self,
        client: &Client,
        statement: &Statement,
        columns: impl Iterator<Item = &(dyn ToSql + Sync)>,
    ) -> Result<HashSet<Token>, DriverError> {
        if self.tokens.is_empty() && self.items.tokens.is_empty() {
            return Ok(HashSet::new());
        }
        let rows = client.query(statement, &columns.collect::<Vec<_>>()).await?;
        rows.iter().map(|row| Ok(Token(bytes16(row.try_get(0)?)))).collect()
    }
}

impl AnswerColumns {
    fn parameters(&self) -> [&(dyn ToSql + Sync); 4] {
        [&self.tokens, &self.keys, &self.ends, &self.answers]
    }
}

/// Answers that count no more, and are to make room for others.
pub(super) struct ReplacedAnswers {
    pub(super) keys: Vec<Bytes16>,
    pub(super) ends: Vec<i64>,
}

impl ReplacedAnswers {
    pub(super) fn of(swaps: &[&Swap<Token>]) -> Self {
        let answers = swaps.iter().flat_map(|swap| &swap.answers);
        let replaced = answers.filter_map(|answer| Some((answer.key, answer.instead_of.as_ref()?)));
        let (keys, ends) =
            replaced.map(|(key, old)| (Bytes16(*key.as_bytes()), end(old.until.0))).unzip();
        Self { keys, ends }
    }
}

fn end(milliseconds: u64) -> i64 {
    i64::try_from(milliseconds).unwrap_or(i64::MAX)
}

/// Takes a column out of a row.
pub(super) fn column<'a, T: FromSql<'a>>(row: &'a Row, at: usize) -> Result<T, Error> {
    row.try_get(at).map_err(|error| {
        Error::with_source(
            ErrorKind::Corrupt,
            "a row does not have the form that Shelf writes",
            error,
        )
    })
}

/// Takes sixteen bytes out of a row.
pub(super) fn column_bytes16(row: &Row, at: usize) -> Result<[u8; 16], Error> {
    column::<&[u8]>(row, at)?.try_into().map_err(|_| damaged_row())
}

/// Takes the item out of a row: representation, tag, digest and order token, from the column `at` on.
pub(super) fn item(row: &Row, at: usize) -> Result<Item, Error> {
    let representation = Bytes::copy_from_slice(column::<&str>(row, at)?.as_bytes());
    let etag = ETag::from_bytes(column_bytes16(row, at + 1)?);
    let digest = Digest::from_bytes(column_bytes16(row, at + 2)?);
    Ok(Item::from_parts(representation, etag, digest).with_order(order(row, at + 3)?))
}

/// Takes an order token out of a row.
fn order(row: &Row, at: usize) -> Result<Option<Order>, Error> {
    let Some(bytes) = column::<Option<&[u8]>>(row, at)? else { return Ok(None) };
    let order = bytes.try_into().ok().and_then(Order::from_bytes);
    order.map(Some).ok_or_else(damaged_row)
}

/// Takes an item or a tombstone with its marks out of a row: from the column 1 on, the item, the token,
/// whether the last write created it, and until when it is kept if it is a tombstone.
pub(super) fn stored_in(row: &Row, time: TombstoneTime) -> Result<StoredItem<Token>, Error> {
    let state = match column::<Option<i64>>(row, 7)? {
        None => State::Item(item(row, 1)?),
        Some(until) => {
            let order = order(row, 4)?.ok_or_else(damaged_row)?;
            time.state(Tombstone { until: Moment(until.unsigned_abs()), order })
        }
    };
    let token = Token(column_bytes16(row, 5)?);
    Ok(StoredItem { state, token, created: column(row, 6)?, version: token })
}

/// Tells what a put did, from the row that the statement returned for it.
pub(super) fn put_result(row: &Row, sent: &Item) -> Result<PutResult<Token>, Error> {
    if column::<Option<&str>>(row, 2)?.is_some() {
        return Ok(PutResult::Did(Outcome::Unchanged(item(row, 2)?)));
    }
    let created: bool = column(row, 1)?;
    let outcome = if created { Outcome::Created } else { Outcome::Updated };
    // The token of the item stays.
    Ok(PutResult::Did(outcome(sent.clone().with_order(order(row, 5)?))))
}

/// Tells what became of one of many puts, from the row that the statement returned for it.
pub(super) fn creation_result(
    row: &Row,
    sent: &Item,
    time: TombstoneTime,
) -> Result<PutResult<Token>, Error> {
    Ok(match column::<Option<&str>>(row, 1)? {
        None => PutResult::Did(Outcome::Created(sent.clone())),
        Some(_) => PutResult::Exists(stored_in(row, time)?),
    })
}

pub(super) fn damaged_row() -> Error {
    Error::new(ErrorKind::Corrupt, "a row does not have the form that Shelf writes")
}

/// A token that this store sent and got back.
fn bytes16(bytes: &[u8]) -> [u8; 16] {
    bytes.try_into().unwrap_or_default()
}
