"""What a run has sent, and what the service said about it: the record that is kept outside.

Each id has one writer at a time, so its writes are in order. A write is acknowledged, refused
(nothing may be left of it), or of unknown outcome (it may be there or not).
"""

import hashlib
import itertools
from collections import deque
from dataclasses import dataclass, field

ABSENT = None
"""Stands for an item that is not there."""

KEYED_MAX = 40
"""Answers under an idempotency key that are asked for again after a restart."""


def digest(representation):
    """Returns a short name for an item's bytes."""
    return hashlib.blake2b(representation, digest_size=12).hexdigest()


@dataclass
class Entry:
    """One id."""

    id: str
    known: str | None = ABSENT
    """What the last acknowledged write left."""
    order: int = 0
    """The place of that acknowledgement among all of them."""
    doubtful: set = field(default_factory=set)
    """What writes of unknown outcome may have left since."""
    past: set = field(default_factory=lambda: {ABSENT})
    """What acknowledged writes left before."""
    refused: set = field(default_factory=set)

    def is_settled(self):
        """Tells whether there is only one right answer."""
        return not self.doubtful

    def settle(self, observed):
        """Takes over what a read has shown: from now on it is as good as acknowledged."""
        self.past.add(self.known)
        self.known = observed
        self.doubtful.clear()

    def judge(self, observed):
        """Returns what is wrong with an observation: None, or a kind and a description."""
        if observed == self.known or observed in self.doubtful:
            return None
        if observed in self.past:
            older = "is not there" if observed is ABSENT else "has an older value"
            was = "was deleted" if self.known is ABSENT else "was acknowledged"
            return "lost", f"{self.id} {older}, and write {self.order} {was}"
        if observed in self.refused:
            return "wrong", f"{self.id} has the value of a write that was refused"
        return "wrong", f"{self.id} has a value that was never sent"


@dataclass
class Keyed:
    """A write under an idempotency key that was acknowledged."""

    entry: Entry
    key: str
    body: bytes
    status: int
    etag: str


class Ledger:
    """All ids of one store."""

    def __init__(self, ids):
        self.entries = [Entry(f"é-{at}" if at % 9 == 0 else f"item-{at}") for at in range(ids)]
        self.by_id = {entry.id: entry for entry in self.entries}
        self.keyed = deque(maxlen=KEYED_MAX)
        self.numbers = itertools.count(1)
        """Makes every value different from every other one."""
        self.orders = itertools.count(1)

    def acknowledge(self, entry, value):
        """Notes that a write was answered with success."""
        entry.settle(value)
        entry.order = next(self.orders)

    def acknowledged(self):
        """Returns how many writes were acknowledged."""
        return max((entry.order for entry in self.entries), default=0)
