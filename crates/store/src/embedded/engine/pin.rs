//! Keeping the table files together that hold the state after one frame.

use std::path::{Path, PathBuf};

use lsm_tree::{AbstractTree as _, Table};

use super::backlog::SealedMemtables;
use super::entry::TreeName;
use super::{Engine, manifest};
use crate::error::Error;

/// The files of a tree. None of them is removed before this is dropped.
pub(in crate::embedded) struct PinnedTree {
    /// The name of the tree's folder.
    pub(in crate::embedded) folder: &'static str,
    tables: Vec<Table>,
    /// The small files that say which tables count: their names and what is in them.
    pub(in crate::embedded) manifest: [(String, Vec<u8>); 2],
}

impl PinnedTree {
    /// Returns the paths of the table files.
    pub(in crate::embedded) fn tables(&self) -> impl Iterator<Item = &Path> {
        self.tables.iter().map(|table| -> &Path { PathBuf::as_path(&table.path) })
    }
}

impl Engine {
    /// Writes out everything that was written until now, and pins the files that hold it. Returns
    /// the last frame of the journal in them. Writes go on.
    ///
    /// Only for the thread that merges files: none may be merged meanwhile.
    pub(in crate::embedded) fn pin(&self) -> Result<(u64, Vec<PinnedTree>), Error> {
        let _files = self.files.lock();
        let sealed = {
            let mut written = self.written.lock();
            let bytes = written.memtable_bytes;
            self.seal_written(&mut written);
            // A memtable that is sealed from here on would get into some of the trees' files.
            written.holds_seals = true;
            SealedMemtables { frame: written.frame, bytes }
        };
        let pinned = self.flush_with_files(sealed).and_then(|()| {
            [TreeName::Items, TreeName::Answers]
                .map(|name| self.pin_tree(name))
                .into_iter()
                .collect()
        });
        self.written.lock().holds_seals = false;
        Ok((sealed.frame, pinned?))
    }

    fn pin_tree(&self, name: TreeName) -> Result<PinnedTree, Error> {
        let tree = self.tree(name);
        let tables = tree.current_version().iter_tables().cloned().collect();
        let manifest = manifest::read(&tree.tree_config().path)?;
        Ok(PinnedTree { folder: name.folder(), tables, manifest })
    }
}
