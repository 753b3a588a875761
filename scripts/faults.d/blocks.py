"""The files of a data directory as blocks of 4 KiB, whatever their format is."""

import hashlib
import os

from machine import files_below

BLOCK = 4096


class Snapshot:
    """What stood in every block, and when the files were written."""

    def __init__(self, directory):
        self.files = {}
        for path in files_below(directory):
            with open(path, "rb") as file:
                status = os.fstat(file.fileno())
                hashes = [name(block) for block in iter(lambda: file.read(BLOCK), b"")]
            self.files[os.path.relpath(path, directory)] = (status.st_mtime_ns, hashes)

    def written_since(self, before):
        """Returns the numbers of the blocks that were written since another snapshot, by file."""
        written = {}
        for path, (_, hashes) in self.files.items():
            old = before.files.get(path, (0, []))[1]
            changed = [
                at
                for at, block in enumerate(hashes)
                if block != (old[at] if at < len(old) else ZERO)
            ]
            if changed:
                written[path] = changed
        return written

    def journal_written_since(self, before):
        """Returns the file that was written last, and its blocks that were written.

        After one small write that is the journal: nothing else is synced for it.
        """
        written = self.written_since(before)
        path = max(written, key=lambda path: self.files[path][0])
        return path, written[path]


def name(block):
    """Returns a short name for a block's bytes; zeroes have none."""
    if not any(block):
        return ZERO
    return hashlib.blake2b(block, digest_size=8).digest()


ZERO = b""


def overwrite(path, at, data):
    """Writes over a part of a file."""
    with open(path, "r+b") as file:
        file.seek(at)
        file.write(data)
