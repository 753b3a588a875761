//! What is kept, within a bound, for all workers.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

use bytes::Bytes;
use http::header::{ETAG, HeaderValue};
use http::{HeaderMap, HeaderName};
use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};

use super::flights::Key;

/// Most bytes of a body that is kept or shared. Items are smaller by far; a shared body is held
/// whole while it arrives, so the 256 requests that one replica has at a time by default hold
/// 64 MiB at worst.
pub(super) const BODY_BYTES_MAX: u64 = 256 << 10;

/// Most bytes of a tag that is kept: it is sent with every request. The service's have 24.
const TAG_BYTES_MAX: usize = 64;

/// What an entry takes besides its bytes: its place in the tables, the allocations, and their
/// counts.
const OVERHEAD_BYTES: usize = 256;
/// What a header field takes besides its bytes.
const FIELD_OVERHEAD_BYTES: usize = 64;

/// Bytes of an entry as they are expected on the average, for the size of the tables.
const ENTRY_BYTES_EXPECTED: u64 = 4 << 10;

/// Most bytes for each lock. Each part holds some of the largest bodies.
const SHARD_BYTES: u64 = 16 * BODY_BYTES_MAX;
/// Most locks: more than there are workers on most machines.
const SHARDS_MAX: u64 = 32;

/// Counters for the writes to paths, by the hash of the path. Paths that share one invalidate each
/// other: at 1,000 writes a second that happens to a path once in a minute.
const GENERATIONS: usize = 1 << 16;

/// An answer that is kept.
#[derive(Debug)]
pub(super) struct Kept {
    /// The strong tag by which a replica is asked whether it still holds.
    pub(super) tag: HeaderValue,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    generation: u32,
}

/// What is kept. It never weighs more than it is allowed to.
///
/// Every entry has the generation that its path had when it was asked for, and a write makes a new
/// one: once when it is sent, so that nobody compares with what is about to go, and once when it has
/// ended, for the reads that were answered in between. What belongs to a former generation is not
/// used, whoever put it there and when. That is thrift and not safety: what is kept is compared by
/// its tag before it is served, and a tag belongs to one content.
#[derive(Debug)]
pub(crate) struct Store {
    kept: Cache<Key, Arc<Kept>, ByBytes>,
    generations: Box<[AtomicU32]>,
    paths: RandomState,
}

/// Weighs an entry by the bytes it holds.
#[derive(Clone, Copy, Debug)]
struct ByBytes;

impl Weighter<Key, Arc<Kept>> for ByBytes {
    fn weight(&self, key: &Key, kept: &Arc<Kept>) -> u64 {
        let field = |(name, value): (&HeaderName, &HeaderValue)| {
            name.as_str().len() + value.len() + FIELD_OVERHEAD_BYTES
        };
        let fields: usize = kept.headers.iter().map(field).sum();
        (key.len() + kept.body.len() + kept.tag.len() + fields + OVERHEAD_BYTES) as u64
    }
}

impl Store {
    /// Makes one that keeps up to so many bytes.
    pub(crate) fn new(bytes_max: u64) -> Self {
        let entries = usize::try_from(bytes_max / ENTRY_BYTES_EXPECTED).unwrap_or(usize::MAX);
        let shards = (bytes_max / SHARD_BYTES).clamp(1, SHARDS_MAX);
        let options = OptionsBuilder::new()
            .weight_capacity(bytes_max)
            .estimated_items_capacity(entries)
            .shards(usize::try_from(shards).unwrap_or(1))
            .build()
            .expect("a weight and a number of entries are all it needs");
        let (hasher, lifecycle) = (DefaultHashBuilder::default(), DefaultLifecycle::default());
        Self {
            kept: Cache::with_options(options, ByBytes, hasher, lifecycle),
            generations: (0..GENERATIONS).map(|_| AtomicU32::new(0)).collect(),
            paths: RandomState::new(),
        }
    }

    /// Returns how many bytes are kept.
    pub(crate) fn bytes(&self) -> u64 {
        self.kept.weight()
    }

    /// Returns how many answers are kept.
    pub(crate) fn entries(&self) -> usize {
        self.kept.len()
    }

    /// Says that what is kept of a path does not hold any longer: now, and again when the guard is
    /// dropped.
    pub(super) fn invalidate(&self, path: &str) -> Invalidation<'_> {
        let generation = &self.generations[self.slot(path)];
        generation.fetch_add(1, SeqCst);
        Invalidation(generation)
    }

    /// Returns the generation of a path. An answer that is asked for now is kept under it.
    pub(super) fn generation(&self, path: &str) -> u32 {
        self.generations[self.slot(path)].load(SeqCst)
    }

    /// Returns what is kept.
    pub(super) fn get(&self, key: &Key, generation: u32) -> Option<Arc<Kept>> {
        self.kept.get(key).filter(|kept| kept.generation == generation)
    }

    /// Keeps an answer, if it has a strong tag and is not too heavy. Returns whether it did.
    pub(super) fn put(
        &self,
        key: &Key,
        generation: u32,
        headers: &HeaderMap,
        body: &Bytes,
    ) -> bool {
        let Some(tag) = strong_tag(headers) else { return false };
        // All is copied: what came from a socket is a piece of a larger buffer, and would keep it.
        let copy = |value: &HeaderValue| HeaderValue::from_bytes(value.as_bytes()).ok();
        let mut own = HeaderMap::with_capacity(headers.len());
        for (name, value) in headers {
            if let Some(value) = copy(value) {
                own.append(name, value);
            }
        }
        let Some(tag) = copy(tag) else { return false };
        let body = Bytes::copy_from_slice(body);
        self.kept.insert(Arc::clone(key), Arc::new(Kept { tag, headers: own, body, generation }));
        self.kept.contains_key(key)
    }

    /// Drops what is kept.
    pub(super) fn forget(&self, key: &Key) {
        self.kept.remove(key);
    }

    fn slot(&self, path: &str) -> usize {
        self.paths.hash_one(path) as usize % GENERATIONS
    }
}

/// A write that is under way.
#[derive(Debug)]
pub(super) struct Invalidation<'a>(&'a AtomicU32);

impl Drop for Invalidation<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
    }
}

/// Returns the tag of an answer if it is strong, and alone.
fn strong_tag(headers: &HeaderMap) -> Option<&HeaderValue> {
    let mut tags = headers.get_all(ETAG).iter();
    let tag = tags.next().filter(|tag| tag.as_bytes().starts_with(b"\""))?;
    (tags.next().is_none() && tag.len() <= TAG_BYTES_MAX).then_some(tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Key {
        Arc::from(text.as_bytes())
    }

    fn headers(tag: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(ETAG, HeaderValue::from_static(tag))])
    }

    fn put(store: &Store, at: &str, bytes: usize) -> bool {
        let body = Bytes::from(vec![b' '; bytes]);
        store.put(&key(at), store.generation(at), &headers("\"a\""), &body)
    }

    fn has(store: &Store, at: &str) -> bool {
        store.get(&key(at), store.generation(at)).is_some()
    }

    #[test]
    fn what_is_kept_never_weighs_more_than_allowed() {
        for bytes_max in [64 << 10, 1 << 20, 64 << 20] {
            let store = Store::new(bytes_max);
            let mut random = fastrand::Rng::with_seed(7);
            let largest = (bytes_max / 4).min(BODY_BYTES_MAX);
            for at in 0..2_000 {
                let at = format!("/items/{at}");
                put(&store, &at, usize::try_from(random.u64(..largest)).unwrap());
                assert!(store.bytes() <= bytes_max, "{} of {bytes_max}", store.bytes());
            }
            let least = store.entries() * OVERHEAD_BYTES;
            assert!(store.entries() > 0 && store.bytes() > least as u64);
            assert!(store.bytes() > bytes_max / 2, "{} of {bytes_max}", store.bytes());
        }
    }

    #[test]
    fn what_is_too_large_for_the_whole_is_not_kept() {
        let store = Store::new(10_000);
        assert!(!put(&store, "/a", 20_000));
        assert_eq!((has(&store, "/a"), store.entries(), store.bytes()), (false, 0, 0));
    }

    #[test]
    fn a_write_invalidates_when_it_begins_and_when_it_ends() {
        let store = Store::new(1 << 20);
        put(&store, "/a", 10);
        put(&store, "/b", 10);
        assert!(has(&store, "/a"));
        let invalidation = store.invalidate("/a");
        assert!(!has(&store, "/a") && has(&store, "/b"));
        // A read that is answered while the write is under way fills in what may be old.
        put(&store, "/a", 10);
        assert!(has(&store, "/a"));
        let before = store.generation("/a");
        drop(invalidation);
        assert!(!has(&store, "/a"));
        // So does one that was asked before and is answered after the end.
        store.put(&key("/a"), before, &headers("\"a\""), &Bytes::new());
        assert!(!has(&store, "/a"));
        put(&store, "/a", 10);
        assert!(has(&store, "/a"));
    }

    #[test]
    fn only_a_strong_tag_of_good_length_is_kept() {
        let store = Store::new(1 << 20);
        let kept = |headers: &HeaderMap| store.put(&key("/a"), 0, headers, &Bytes::new());
        assert!(kept(&headers("\"a\"")));
        assert!(!kept(&headers("W/\"a\"")));
        assert!(!kept(&HeaderMap::new()));
        let long = HeaderValue::try_from(format!("\"{}\"", "a".repeat(TAG_BYTES_MAX))).unwrap();
        assert!(!kept(&HeaderMap::from_iter([(ETAG, long)])));
        let mut two = headers("\"a\"");
        two.append(ETAG, HeaderValue::from_static("\"b\""));
        assert!(!kept(&two));
    }
}
