"""Items that look like the journal's own bytes, and torn ends of the journal."""

import os
import random
import shutil
import string
import time

from blocks import BLOCK, Snapshot, overwrite
from client import Client, target
from compare import compare
from ledger import Ledger, digest
from load import Load, representation
from machine import copy_files
from service import Refused, Service

IDS = 60
TORN_BYTES = 100
KILLS = 20
SECTOR = 512


def run(rig):
    """Runs all rounds: in turns with a planted item, with one that is harmless, with others, and with
    planted items only, whose writes a kill interrupts."""
    for at in range(rig.rounds):
        rig.tally.begin_round()
        choose = random.Random(f"{rig.seed} {at}")
        this = Round(rig, at, choose)
        if at % 4 == 3:
            this.kill_under_load()
        else:
            tear = choose.choice(TEARS)
            this.tear(("trailer", "harmless", "any")[at % 4], last_bytes if at < 2 else tear)
        this.end()


class Round:
    """One store."""

    def __init__(self, rig, number, choose):
        self.tally, self.choose, self.seed = rig.tally, choose, f"{rig.seed} {number}"
        self.data = f"{rig.work}/planted-{number}"
        self.before = f"{self.data}-before"
        self.service = Service(rig, self.data)
        self.ledger = Ledger(IDS)
        self.service.start()

    def tear(self, what, tear):
        """Puts one last item, kills, and tears what was written."""
        load = Load(self.service.address, self.ledger, self.tally, self.seed, 4)
        time.sleep(0.3)
        load.stop()
        # Until the store has nothing to do in the background any more.
        time.sleep(0.2)
        copy_files(self.data, self.before)
        self.put_last(what)
        if self.choose.random() < 0.5:
            time.sleep(self.choose.uniform(0.0, 0.1))
        self.service.kill()
        path, written = Snapshot(self.data).journal_written_since(Snapshot(self.before))
        # A file's first block can be its header, which was safe before anything that follows.
        written = [block for block in written if block > 0] or written
        place = tear(self.choose, f"{self.data}/{path}", f"{self.before}/{path}", written)
        self.tally.add(f"torn {tear.__name__}")
        self.start(f"last item: {what}, torn: {tear.__name__} in {path} at {place}")

    def kill_under_load(self):
        """Kills several times while planted items are written, in large groups."""

        texts = [planted_text("FJL", self.choose, 2000) for _ in range(20)]

        def make(choose, number):
            return item_of(choose.choice(texts), number)

        for turn in range(KILLS):
            seed = f"{self.seed} {turn}"
            load = Load(self.service.address, self.ledger, self.tally, seed, IDS, make)
            time.sleep(self.choose.uniform(0.1, 0.3))
            self.service.kill()
            load.stop()
            if not self.start("planted items under load"):
                break

    def start(self, name):
        """Starts the store and compares; returns whether it started."""
        try:
            self.service.start()
        except Refused as why:
            self.tally.find("refused", f"{why} ({name})")
            return False
        findings = compare(self.service.address, self.ledger)
        self.tally.find_all((kind, f"{text} ({name})") for kind, text in findings)
        return True

    def end(self):
        """Counts, and removes everything."""
        self.service.kill()
        self.tally.add("acknowledged", self.ledger.acknowledged())
        self.tally.keep_evidence(self.data, self.before, self.service.log)
        for path in (self.data, self.before):
            shutil.rmtree(path, ignore_errors=True)

    def put_last(self, what):
        """Puts the item that is torn. It was acknowledged, but a torn disk may have lost it."""
        entry = self.choose.choice(self.ledger.entries)
        if what == "any":
            body = representation(self.choose, next(self.ledger.numbers))
        else:
            text = planted_text("FJL" if what == "trailer" else "ABC", self.choose, 200)
            body = item_of(text, next(self.ledger.numbers))
        client = Client(self.service.address)
        answer = client.request("PUT", target(entry.id), body)
        client.close()
        if not answer.is_success():
            raise RuntimeError(f"the last item was answered {answer.status}")
        entry.doubtful.add(digest(body))


def planted_text(word, choose, repetitions):
    """Makes a text whose compressed bytes hold `word` and then 3 and 1. With 200 repetitions it has
    7 KB.

    LZ4 writes text that is new, and then the distance of a repetition: 259 is 03 01. `FJL` 03 is what
    ended a batch in the journal of format 2.
    """
    text = letters(choose, 300)
    for _ in range(repetitions):
        text += letters(choose, 20) + word
        text += text[len(text) - 259 :][:12]
    return text


def item_of(text, number):
    """Makes an item with a text."""
    return b'{"name":"%s","size":%d}' % (text.encode(), number)


def letters(choose, count):
    """Returns random letters and digits."""
    return "".join(choose.choices(string.ascii_lowercase + string.digits, k=count))


def last_bytes(_choose, path, _before, written):
    """Zeroes the last 100 bytes that were written."""
    with open(path, "rb") as file:
        file.seek(written[-1] * BLOCK)
        length = len(file.read(BLOCK).rstrip(b"\0"))
    at = max(0, written[-1] * BLOCK + length - TORN_BYTES)
    overwrite(path, at, bytes(TORN_BYTES))
    return at


def last_sectors(choose, path, before, written):
    """Takes back the last sectors of the last block, at least one."""
    at = written[-1] * BLOCK + choose.randrange(BLOCK // SECTOR) * SECTOR
    take_back(path, before, at, (written[-1] + 1) * BLOCK - at)
    return at


def last_block(_choose, path, before, written):
    """Takes back the last block."""
    take_back(path, before, written[-1] * BLOCK, BLOCK)
    return written[-1] * BLOCK


def some_blocks(choose, path, before, written):
    """Takes back the last block and some of the blocks before it."""
    for block in written:
        if block == written[-1] or choose.random() < 0.5:
            take_back(path, before, block * BLOCK, BLOCK)
    return written[-1] * BLOCK


def take_back(path, before, at, length):
    """Gives a part of a file the bytes that it had before: what is left of a write that was torn."""
    old = b""
    if os.path.exists(before):
        with open(before, "rb") as file:
            file.seek(at)
            old = file.read(length)
    overwrite(path, at, old.ljust(length, b"\0"))


TEARS = (last_bytes, last_sectors, last_block, some_blocks)
