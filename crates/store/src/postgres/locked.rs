//! Finding the rows that others hold, among those that a statement would have waited for.
//!
//! A statement that meets a lock for longer than `lock_timeout` does nothing at all. The rows of
//! items are asked for by one statement that passes over what is locked. A row that another session
//! has inserted and not committed, and the place of a remembered answer, cannot be seen that way:
//! they are found by halves.

use std::collections::HashSet;

use domain::Key;
use tokio_postgres::{Client, Error};

/// How often a statement is halved: once for each of the most rows that it can have, and as often
/// again for a second one. What is not told apart by then is left aside together.
const HALVINGS_MAX: usize = 20;

/// Returns the rows that are there and not locked, without waiting for those that others
/// hold. Parameters: collections, ids.
const FREE: &str = "
    SELECT i.collection, i.id FROM shelf_items i
    JOIN unnest($1::text[], $2::text[]) AS w (collection, id)
    ON i.collection = w.collection AND i.id = w.id
    FOR UPDATE OF i SKIP LOCKED";

/// Returns which of these rows are there. Parameters: those of [`FREE`].
const THERE: &str = "
    SELECT i.collection, i.id FROM shelf_items i
    JOIN unnest($1::text[], $2::text[]) AS w (collection, id)
    ON i.collection = w.collection AND i.id = w.id";

/// Tells for each item whether another session holds its row. It may change at any time: it is a hint.
///
/// # Errors
/// Those of the driver: the whole table is locked, or the database cannot tell.
pub(super) async fn find_held(client: &Client, keys: &[&Key]) -> Result<Vec<bool>, Error> {
    let collections: Vec<_> = keys.iter().map(|key| key.collection.as_str()).collect();
    let ids: Vec<_> = keys.iter().map(|key| key.id.as_str()).collect();
    let mut found = [HashSet::new(), HashSet::new()];
    for (found, statement) in found.iter_mut().zip([THERE, FREE]) {
        let rows = client.query(statement, &[&collections, &ids]).await?;
        for row in rows {
            let columns = row.try_get(0).and_then(|collection| Ok((collection, row.try_get(1)?)));
            let (collection, id): (String, String) = columns?;
            found.insert((collection, id));
        }
    }
    let [there, free] = found;
    let places = collections.into_iter().zip(ids);
    let places = places.map(|(collection, id)| (collection.to_owned(), id.to_owned()));
    Ok(places.map(|place| there.contains(&place) && !free.contains(&place)).collect())
}

/// The parts in which the rows of a statement are tried, by their places.
pub(super) struct RowParts {
    parts: Vec<Vec<usize>>,
    halvings: usize,
}

impl RowParts {
    /// Begins with all rows in one part.
    pub(super) fn of(rows: usize) -> Self {
        Self { parts: vec![(0..rows).collect()], halvings: 0 }
    }

    /// Returns the next part, which is not empty.
    pub(super) fn next(&mut self) -> Option<Vec<usize>> {
        self.parts.pop().filter(|part| !part.is_empty())
    }

    /// Divides a part that met a lock, by what is known of its rows. Returns the places that are to
    /// be left aside; the others come again.
    pub(super) fn divide(&mut self, part: Vec<usize>, held: &[bool]) -> Vec<usize> {
        let is_held = |at: usize| held.get(at).copied().unwrap_or(false);
        let (aside, mut free): (Vec<_>, Vec<_>) =
            part.into_iter().enumerate().partition(|(at, _)| is_held(*at));
        let places = |rows: Vec<(usize, usize)>| rows.into_iter().map(|(_, place)| place).collect();
        if !aside.is_empty() {
            if !free.is_empty() {
                self.parts.push(places(free));
            }
            return places(aside);
        }
        if free.len() == 1 || self.halvings == HALVINGS_MAX {
            return places(free);
        }
        self.halvings += 1;
        let half = free.split_off(free.len() / 2);
        self.parts.extend([places(half), places(free)]);
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tries rows of which some cannot be seen and yet are held. Returns those that were left aside
    /// and the number of tries.
    fn tried(rows: usize, held: &[usize]) -> (Vec<usize>, usize) {
        let mut parts = RowParts::of(rows);
        let (mut aside, mut done, mut tries) = (Vec::new(), 0, 0);
        while let Some(part) = parts.next() {
            tries += 1;
            if part.iter().any(|place| held.contains(place)) {
                aside.extend(parts.divide(part, &[]));
            } else {
                done += part.len();
            }
        }
        aside.sort_unstable();
        assert_eq!(aside.len() + done, rows, "none is forgotten");
        (aside, tries)
    }

    #[test]
    fn what_is_seen_to_be_held_is_left_aside_at_once() {
        let mut parts = RowParts::of(3);
        let part = parts.next().unwrap();
        assert_eq!(parts.divide(part, &[false, true, false]), [1]);
        assert_eq!(parts.next(), Some(vec![0, 2]));
        assert_eq!(parts.next(), None);
    }

    #[test]
    fn what_is_not_seen_is_found_by_halves() {
        assert_eq!(tried(1, &[0]), (vec![0], 1));
        let (aside, tries) = tried(1_000, &[617]);
        assert_eq!(aside, [617]);
        assert!(tries <= 21, "{tries}");
    }

    #[test]
    fn tries_are_bounded() {
        let all: Vec<_> = (0..1_000).collect();
        let (aside, tries) = tried(1_000, &all);
        assert_eq!(aside, all);
        assert!(tries <= 2 * HALVINGS_MAX + 1, "{tries}");
        assert_eq!(tried(0, &[]), (Vec::new(), 0));
    }
}
