//! One tree, with the settings of this store.

use std::path::Path;
use std::sync::Arc;

use lsm_tree::config::{
    BloomConstructionPolicy, CompressionPolicy, FilterPolicy, FilterPolicyEntry,
};
use lsm_tree::{AnyTree, Cache, CompressionType, Config, SequenceNumberCounter};

use super::entry::TreeName;
use super::error::kind;
use super::expiry::ExpiryFilterFactory;
use crate::clock::Clock;
use crate::error::{Error, ErrorKind};

/// Opens the tree in `path`. There it is created when there is none.
pub(super) fn open(
    path: &Path,
    name: TreeName,
    cache: &Arc<Cache>,
    numbers: &SequenceNumberCounter,
    clock: Clock,
) -> Result<AnyTree, Error> {
    // Readers look through snapshots of ours; lsm-tree's own idea of what is visible is not used.
    let visible = SequenceNumberCounter::default();
    Config::new(path, numbers.clone(), visible)
        .use_cache(Arc::clone(cache))
        // The uppermost files are looked into for every key that is not there: hardly one in
        // 10,000 of them is read for nothing.
        .filter_policy(FilterPolicy::new([
            FilterPolicyEntry::Bloom(BloomConstructionPolicy::FalsePositiveRate(0.0001)),
            FilterPolicyEntry::Bloom(BloomConstructionPolicy::BitsPerKey(10.0)),
        ]))
        // What is merged again soon is not worth compressing.
        .data_block_compression_policy(CompressionPolicy::new([
            CompressionType::None,
            CompressionType::None,
            CompressionType::Lz4,
        ]))
        .with_compaction_filter_factory(match name {
            TreeName::Items => None,
            TreeName::Answers => Some(Arc::new(ExpiryFilterFactory(clock))),
        })
        .open()
        .map_err(|error| {
            let kind = kind(&error);
            let advice = match kind {
                ErrorKind::Corrupt => {
                    ": a table file is missing, cut off or damaged; restore the store from a backup"
                }
                _ => "",
            };
            let message = format!("{} could not be opened{advice}", path.display());
            Error::with_source(kind, message, error)
        })
}
