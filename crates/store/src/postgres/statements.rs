//! The statements. Each takes many rows as arrays, so that one round trip serves many writes.

use tokio_postgres::{Client, Error, Statement};

/// Reads items and tombstones; the ordinal says for which request. Parameters: collections, ids.
const READ_ITEMS: &str = "
    SELECT w.n, i.representation, i.etag, i.digest, i.order_token, i.token, i.token = i.born,
        i.deleted_until
    FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS w (collection, id, n)
    JOIN shelf_items i ON i.collection = w.collection AND i.id = w.id";

/// Reads remembered answers. Parameter: keys.
const READ_ANSWERS: &str = "
    SELECT a.key, a.answer FROM shelf_answers a
    JOIN unnest($1::bytea[]) AS w (key) ON a.key = w.key";

/// Puts items that have no precondition. What is equal already is found by the first part, in the
/// statement's own snapshot, and not touched: no row is locked, nothing is written and nothing is
/// synced for it. A row that came between the snapshot and the insertion and is equal is neither
/// returned nor written, and the caller asks again. So is a tombstone, which has to be decided on. The order
/// token of an item stays.
/// Parameters: collections, ids, tags, digests, representations, tokens.
const PUT: &str = "
    WITH sent AS (
        SELECT * FROM unnest($1::text[], $2::text[], $3::bytea[], $4::bytea[], $5::text[], $6::bytea[])
        AS s (collection, id, etag, digest, representation, token)
    ), same AS (
        SELECT s.token AS sent, i.representation, i.etag, i.digest, i.order_token
        FROM sent s JOIN shelf_items i
        ON i.collection = s.collection AND i.id = s.id AND i.digest = s.digest
            AND i.deleted_until IS NULL
    ), put AS (
        INSERT INTO shelf_items AS i (collection, id, etag, digest, representation, token, born)
        SELECT s.collection, s.id, s.etag, s.digest, s.representation, s.token, s.token
        FROM sent s WHERE NOT EXISTS (SELECT 1 FROM same WHERE same.sent = s.token)
        ON CONFLICT (collection, id) DO UPDATE SET etag = excluded.etag,
            digest = excluded.digest, representation = excluded.representation,
            token = excluded.token
        WHERE i.digest <> excluded.digest AND i.deleted_until IS NULL
        RETURNING i.token, i.token = i.born AS created, i.order_token
    )
    SELECT token, created, NULL::text, NULL::bytea, NULL::bytea, order_token FROM put
    UNION ALL SELECT sent, false, representation, etag, digest, order_token FROM same";

/// Creates the items that do not exist, and returns the others as they are, to be decided. An
/// insertion that expects no conflict costs half of one that does, so this is the faster way for many
/// items at once. Should one come between the snapshot and the insertion after all, nothing is
/// inserted. Parameters: those of [`PUT`].
const CREATE: &str = "
    WITH sent AS (
        SELECT * FROM unnest($1::text[], $2::text[], $3::bytea[], $4::bytea[], $5::text[], $6::bytea[])
        AS s (collection, id, etag, digest, representation, token)
    ), there AS (
        SELECT s.token AS sent, i.representation, i.etag, i.digest, i.order_token, i.token,
            i.token = i.born AS created, i.deleted_until
        FROM sent s JOIN shelf_items i ON i.collection = s.collection AND i.id = s.id
    ), created AS (
        INSERT INTO shelf_items (collection, id, etag, digest, representation, token, born)
        SELECT s.collection, s.id, s.etag, s.digest, s.representation, s.token, s.token
        FROM sent s WHERE NOT EXISTS (SELECT 1 FROM there WHERE there.sent = s.token)
        RETURNING token
    )
    SELECT token, NULL::text, NULL::bytea, NULL::bytea, NULL::bytea, NULL::bytea, true,
        NULL::bigint FROM created
    UNION ALL SELECT sent, representation, etag, digest, order_token, token, created,
        deleted_until FROM there";

/// What the swaps remember: the part of a statement that follows `done`, the tokens of the swaps
/// that happen. The arrays are tokens, keys, ends, answers.
macro_rules! remembering {
    ($tokens:literal, $keys:literal, $ends:literal, $answers:literal) => {
        concat!(
            ", remembered AS (
                INSERT INTO shelf_answers (key, expires, answer)
                SELECT r.key, r.expires, r.answer
                FROM unnest(",
            $tokens,
            "::bytea[], ",
            $keys,
            "::bytea[], ",
            $ends,
            "::bigint[], ",
            $answers,
            "::bytea[])
                AS r (token, key, expires, answer)
                JOIN done ON done.token = r.token
            )
            SELECT token FROM done"
        )
    };
}

/// Inserts items, or tombstones, where there are none.
/// Parameters: those of [`PUT`], order tokens, until when tombstones are kept, then what is remembered.
const INSERT: &str = concat!(
    "WITH done AS (
        INSERT INTO shelf_items
            (collection, id, etag, digest, representation, token, born, order_token, deleted_until)
        SELECT s.collection, s.id, s.etag, s.digest, s.representation, s.token, s.token,
            s.order_token, s.deleted_until
        FROM unnest($1::text[], $2::text[], $3::bytea[], $4::bytea[], $5::text[], $6::bytea[],
            $7::bytea[], $8::bigint[])
        AS s (collection, id, etag, digest, representation, token, order_token, deleted_until)
        ON CONFLICT (collection, id) DO NOTHING
        RETURNING token
    )",
    remembering!("$9", "$10", "$11", "$12")
);

/// Replaces items and tombstones that still are what was read.
/// Parameters: the first eight of [`INSERT`], the tokens that were read, then what is remembered.
const UPDATE: &str = concat!(
    "WITH done AS (
        UPDATE shelf_items i SET etag = s.etag, digest = s.digest,
            representation = s.representation, token = s.token, order_token = s.order_token,
            deleted_until = s.deleted_until
        FROM unnest($1::text[], $2::text[], $3::bytea[], $4::bytea[], $5::text[], $6::bytea[],
            $7::bytea[], $8::bigint[], $9::bytea[])
        AS s (collection, id, etag, digest, representation, token, order_token, deleted_until,
            expected)
        WHERE i.collection = s.collection AND i.id = s.id AND i.token = s.expected
        RETURNING i.token
    )",
    remembering!("$10", "$11", "$12", "$13")
);

/// Removes items that still are what was read.
/// Parameters: collections, ids, tokens, the tokens that were read, then what is remembered.
const REMOVE: &str = concat!(
    "WITH done AS (
        DELETE FROM shelf_items i
        USING unnest($1::text[], $2::text[], $3::bytea[], $4::bytea[])
        AS s (collection, id, token, expected)
        WHERE i.collection = s.collection AND i.id = s.id AND i.token = s.expected
        RETURNING s.token
    )",
    remembering!("$5", "$6", "$7", "$8")
);

/// Remembers answers about items that still are what was read, and keeps them so until that is
/// done. Parameters: those of [`REMOVE`].
const KEEP: &str = concat!(
    "WITH done AS (
        SELECT s.token FROM shelf_items i
        JOIN unnest($1::text[], $2::text[], $3::bytea[], $4::bytea[])
        AS s (collection, id, token, expected)
        ON i.collection = s.collection AND i.id = s.id AND i.token = s.expected
        FOR SHARE OF i
    )",
    remembering!("$5", "$6", "$7", "$8")
);

/// Removes answers that count no more. Parameters: keys, their ends.
const REPLACE_ANSWERS: &str = "
    DELETE FROM shelf_answers a USING unnest($1::bytea[], $2::bigint[]) AS w (key, expires)
    WHERE a.key = w.key AND a.expires = w.expires";

/// Removes some of the answers whose time is over, but for those that others hold. Parameters: the moment, how many.
const FORGET_ANSWERS: &str = "
    DELETE FROM shelf_answers WHERE key IN (
        SELECT key FROM shelf_answers WHERE expires <= $1 ORDER BY expires LIMIT $2
        FOR UPDATE SKIP LOCKED)";

/// Removes some of the tombstones whose time is over, but for those that others hold. Parameters: those of
/// [`FORGET_ANSWERS`].
const FORGET_TOMBSTONES: &str = "
    DELETE FROM shelf_items WHERE (collection, id) IN (
        SELECT collection, id FROM shelf_items WHERE deleted_until <= $1
        ORDER BY deleted_until LIMIT $2 FOR UPDATE SKIP LOCKED)";

/// Returns the items of a page, and one more if there is one. What comes after enough bytes is not
/// sent: the sum is that of all rows before the last one, and lengths are known without reading the
/// values. Parameters: collection, the least id of the page or nothing, an id to leave out or nothing,
/// what no id of the page reaches, most rows, enough bytes.
const LIST: &str = "
    SELECT id, representation, etag, digest, order_token FROM (
        SELECT id, representation, etag, digest, order_token,
            coalesce(sum(octet_length(representation)) OVER (
                ORDER BY id ROWS BETWEEN UNBOUNDED PRECEDING AND 2 PRECEDING), 0) AS bytes
        FROM (
            SELECT id, representation, etag, digest, order_token FROM shelf_items
            WHERE collection = $1 AND id >= $2 AND id <> $3 AND id < $4 AND deleted_until IS NULL
            ORDER BY id LIMIT $5
        ) AS page
    ) AS measured WHERE bytes < $6 ORDER BY id";

/// Counts items up to a number of rows, and returns the last row's id and whether there were so many rows. It
/// reads the primary key alone where the table was vacuumed: tombstones are rows, and are counted by themselves
/// in their own index. Parameters: the first four of [`LIST`], most rows.
const COUNT: &str = "
    WITH counted AS (
        SELECT count(*) AS row_count, max(id) AS last_id FROM (
            SELECT id FROM shelf_items
            WHERE collection = $1 AND id >= $2 AND id <> $3 AND id < $4 ORDER BY id LIMIT $5
        ) AS page
    )
    SELECT row_count - (
        SELECT count(*) FROM shelf_items
        WHERE collection = $1 AND id >= $2 AND id <> $3 AND id <= counted.last_id
            AND deleted_until IS NOT NULL
    ), last_id, row_count = $5 FROM counted";

/// Returns the next collection that has an item. Parameter: the one before, or nothing.
const COLLECTION_AFTER: &str = "
    SELECT collection FROM shelf_items WHERE collection > $1 AND deleted_until IS NULL
    ORDER BY collection LIMIT 1";

/// Tells whether the tables are there and take writes.
const CHECK: &str =
    "SELECT format, current_setting('transaction_read_only') = 'off' FROM shelf_format";

/// All statements, prepared on one connection.
pub(super) struct Statements {
    pub(super) read_items: Statement,
    pub(super) read_answers: Statement,
    pub(super) put: Statement,
    pub(super) create: Statement,
    pub(super) insert: Statement,
    pub(super) update: Statement,
    pub(super) remove: Statement,
    pub(super) keep: Statement,
    pub(super) replace_answers: Statement,
    pub(super) forget_answers: Statement,
    pub(super) forget_tombstones: Statement,
    pub(super) list: Statement,
    pub(super) count: Statement,
    pub(super) collection_after: Statement,
    pub(super) check: Statement,
}

impl Statements {
    /// Prepares them. The tables have to be there.
    pub(super) async fn prepare(client: &Client) -> Result<Self, Error> {
        let prepare = |sql| client.prepare(sql);
        let (read_items, read_answers, put, create, insert, update) = tokio::try_join!(
            prepare(READ_ITEMS),
            prepare(READ_ANSWERS),
            prepare(PUT),
            prepare(CREATE),
            prepare(INSERT),
            prepare(UPDATE),
        )?;
        let (remove, keep, replace_answers, forget_answers, forget_tombstones) = tokio::try_join!(
            prepare(REMOVE),
            prepare(KEEP),
            prepare(REPLACE_ANSWERS),
            prepare(FORGET_ANSWERS),
            prepare(FORGET_TOMBSTONES),
        )?;
        let (list, count, collection_after, check) = tokio::try_join!(
            prepare(LIST),
            prepare(COUNT),
            prepare(COLLECTION_AFTER),
            prepare(CHECK),
        )?;
        Ok(Self {
            read_items,
            read_answers,
            put,
            create,
            insert,
            update,
            remove,
            keep,
            replace_answers,
            forget_answers,
            forget_tombstones,
            list,
            count,
            collection_after,
            check,
        })
    }
}
