"""Damaged files: flipped bits, zeroed sectors and blocks, truncated ends, files that are gone.

A damaged store may refuse to start, with a message that names the place; it may answer 500 for what
is damaged; or it may give only right answers. One thing is doubtful: damage to the last write before
a kill looks like a write that the kill has torn. It is counted apart.
"""

import copy
import os
import random
import re
import shutil
import time

from blocks import BLOCK, Snapshot
from client import ConnectionLost
from compare import compare
from ledger import Ledger
from load import Load
from machine import copy_files, files_below
from service import Refused, Service

IDS = 200
ROUNDS_OF_A_STORE = 20
LAST_BYTES = 2 << 20
"""Where the last write can be: that far before the last block that was written. It holds a write of
every connection."""
SECTOR = 512
LAST_SHARE = 0.2
"""How often the damage is near the last write on purpose."""
LAST_NEAR_BYTES = 64 << 10
TRIES_MAX = 200


def run(rig):
    """Runs all rounds: a store is made, and copies of it are damaged."""
    choose, original = random.Random(rig.seed), None
    service = Service(rig, f"{rig.work}/damaged")
    for at in range(rig.rounds):
        rig.tally.begin_round()
        if at % ROUNDS_OF_A_STORE == 0:
            if original:
                shutil.rmtree(original.data)
            ended = ("stopped", "killed")[at // ROUNDS_OF_A_STORE % 2]
            original = Original(rig, choose, f"{rig.work}/original-{at}", ended)
        damage(rig, choose, original, service)


class Original:
    """A store that is whole, and what has to be in it."""

    def __init__(self, rig, choose, data, ended):
        self.data, self.ended = data, ended
        self.connections = choose.choice((1, 16))
        self.ledger = Ledger(IDS)
        service = Service(rig, data)
        # Starts make tables of what the journal holds, so that there are files of every kind.
        for turn, seconds in enumerate((1.0, 1.0, 0.5)):
            service.start()
            before = Snapshot(data)
            seed = f"{rig.seed} {os.path.basename(data)} {turn}"
            load = Load(service.address, self.ledger, rig.tally, seed, self.connections)
            time.sleep(seconds)
            if ended == "killed":
                service.kill()
                load.stop()
            else:
                load.stop()
                service.stop()
        rig.tally.add("acknowledged", self.ledger.acknowledged())
        after = Snapshot(data)
        self.last_file, written = after.journal_written_since(before)
        self.last_block = written[-1]
        self.places = places_of(data)

    def is_last(self, path, places):
        """Tells whether damage hit what may be the last write before the kill."""
        if self.ended != "killed" or path != self.last_file:
            return False
        end = (self.last_block + 1) * BLOCK
        return end - LAST_BYTES <= places.start < end


def places_of(data):
    """Returns what a message can name: the format, files, and folders (one at the top in quotes)."""
    places = {"format"}
    for file in files_below(data):
        path = os.path.relpath(file, data)
        places |= {path, os.path.basename(path)}
        while path := os.path.dirname(path):
            places.add(path if "/" in path else f'"{path}"')
    # A table is named by a number of one digit, which is in any message.
    return {place for place in places if len(place) > 2}


def damage(rig, choose, original, service):
    """Damages a copy in one place, starts it and compares."""
    data = service.data
    shutil.rmtree(data, ignore_errors=True)
    copy_files(original.data, data)
    path, what, places = injure(choose, original, data)
    name = f"{original.ended} store, {path}: {what} at {places.start}"
    rig.tally.add(what)
    try:
        service.start()
    except Refused as why:
        judge_refusal(rig, original, str(why), name)
        return
    ledger = copy.deepcopy(original.ledger)
    try:
        findings = compare(service.address, ledger, may_fail=True)
    except ConnectionLost as error:
        findings = [("wrong", f"the service is gone: {error}; {service.last_words()}")]
    service.kill()
    faults = [finding for finding in findings if finding[0] != "damaged"]
    if not findings:
        rig.tally.add("all right")
    elif not faults:
        rig.tally.add("answered 500")
    elif is_doubtful(original, ledger, faults, path, places):
        rig.tally.add("doubtful")
    else:
        rig.tally.find_all((kind, f"{text} ({name})") for kind, text in faults)
        rig.tally.keep_evidence(original.data, data, service.log)


def judge_refusal(rig, original, why, name):
    """Checks that the message of a store that does not open names a place."""
    # The directory itself is in every message, and its name is no place in it.
    if any(place in why for place in original.places):
        rig.tally.add("refused with a place")
    else:
        rig.tally.find("refused without a place", f"{why} ({name})")


def is_doubtful(original, ledger, faults, path, places):
    """Tells whether only the last writes before a kill are missing, and these were hit."""
    if not original.is_last(path, places) or any(kind != "lost" for kind, _ in faults):
        return False
    # A connection waits for its answer, so the last group holds one write of each at most. Answers
    # of two groups can be noted in another order than that in which they came.
    missing = [
        entry.order
        for entry, now in zip(original.ledger.entries, ledger.entries)
        if entry.judge(now.known)
    ]
    last = original.ledger.acknowledged()
    count = original.connections
    return len(missing) <= count and min(missing) > last - 2 * count


def injure(choose, original, data):
    """Damages one place of one file. Every kind of file has the same chance, and the last writes have
    a share of their own.

    Returns the file, what was done, and the range of bytes.
    """
    kinds = {}
    for path in files_below(data):
        if os.path.getsize(path):
            relative = os.path.relpath(path, data)
            kinds.setdefault(re.sub(r"\d+", "N", relative), []).append(relative)
    for _ in range(TRIES_MAX):
        path = choose.choice(kinds[choose.choice(sorted(kinds))])
        at = choose.randrange(os.path.getsize(f"{data}/{path}"))
        what = choose.choice(tuple(INJURIES))
        if choose.random() < LAST_SHARE:
            path = original.last_file
            at = max(0, (original.last_block + 1) * BLOCK - choose.randrange(LAST_NEAR_BYTES) - 1)
        if places := INJURIES[what](choose, f"{data}/{path}", at):
            return path, what, places
    raise RuntimeError("no place was found to damage")


def flip(choose, path, at):
    """Flips a bit."""
    return change(path, at, 1, lambda old: bytes((old[0] ^ 1 << choose.randrange(8),)))


def zero_sector(_choose, path, at):
    """Zeroes a sector."""
    return change(path, at - at % SECTOR, SECTOR, lambda old: bytes(len(old)))


def zero_block(_choose, path, at):
    """Zeroes a block."""
    return change(path, at - at % BLOCK, BLOCK, lambda old: bytes(len(old)))


def change(path, at, length, damaged):
    """Damages a place that holds something. Returns it, or None if it is empty."""
    with open(path, "r+b") as file:
        file.seek(at)
        old = file.read(length)
        if not any(old):
            return None
        file.seek(at)
        file.write(damaged(old))
    return range(at, at + len(old))


def truncate(_choose, path, at):
    """Cuts off a part that holds something. Returns it, or None if it is empty."""
    with open(path, "r+b") as file:
        file.seek(at)
        if not any(file.read()):
            return None
        file.truncate(at)
    return range(at, at + 1)


def remove(_choose, path, _at):
    """Removes a file."""
    size = os.path.getsize(path)
    os.remove(path)
    return range(0, size)


INJURIES = {
    "bit flipped": flip,
    "sector zeroed": zero_sector,
    "block zeroed": zero_block,
    "truncated": truncate,
    "removed": remove,
}
