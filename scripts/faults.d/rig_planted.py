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
from machine import copy
from service import Refused, Service

IDS = 60
TORN_BYTES = 100
SECTOR = 512


def run(rig):
    """Runs all rounds: in turns with a planted item, with one that is harmless, and with others."""
    for at in range(rig.rounds):
        rig.tally.begin_round()
        choose = random.Random(f"{rig.seed} {at}")
        what = ("trailer", "harmless", "any", "any")[at % 4]
        tear = choose.choice((last_bytes, last_sectors, last_block, some_blocks))
        if at < 2:
            tear = last_bytes
        Round(rig, at, choose).run(what, tear)


class Round:
    """One store, one last item, one torn end."""

    def __init__(self, rig, number, choose):
        self.tally, self.choose, self.seed = rig.tally, choose, f"{rig.seed} {number}"
        self.data = f"{rig.work}/planted-{number}"
        self.service = Service(rig.binary, self.data, f"{self.data}.log")
        rig.cleanup.callback(self.service.kill)
        self.ledger = Ledger(IDS)

    def run(self, what, tear):
        """Writes, kills, tears, starts again and compares."""
        service, ledger = self.service, self.ledger
        service.start()
        load = Load(service.address, ledger, self.tally, self.seed, 4)
        time.sleep(0.3)
        load.stop()
        # Until the store has nothing to do in the background any more.
        time.sleep(0.2)
        before = f"{self.data}-before"
        copy(self.data, before)
        self.put_last(what)
        if self.choose.random() < 0.5:
            time.sleep(self.choose.uniform(0.0, 0.1))
        service.kill()
        self.tally.add("acknowledged", ledger.acknowledged())
        path, written = Snapshot(self.data).journal_written_since(Snapshot(before))
        place = tear(self.choose, f"{self.data}/{path}", f"{before}/{path}", written)
        name = f"last item: {what}, torn: {tear.__name__} in {path} at {place}"
        self.tally.add(f"torn {tear.__name__}")
        try:
            service.start()
            self.tally.find_all((kind, f"{text} ({name})") for kind, text in compare(service.address, ledger))
        except Refused as why:
            self.tally.find("refused", f"{why} ({name})")
        service.kill()
        self.tally.keep_evidence(self.data, before, service.log)
        shutil.rmtree(self.data)
        shutil.rmtree(before)

    def put_last(self, what):
        """Puts the item that is torn. It was acknowledged, but a torn disk may have lost it."""
        entry = self.choose.choice(self.ledger.entries)
        if what == "any":
            body = representation(self.choose, next(self.ledger.numbers))
        else:
            body = planted("FJL" if what == "trailer" else "ABC", self.choose)
        client = Client(self.service.address)
        answer = client.request("PUT", target(entry.id), body)
        client.close()
        if not answer.is_success():
            raise RuntimeError(f"the last item was answered {answer.status}")
        entry.doubtful.add(digest(body))


def planted(word, choose):
    """Makes an item of 7 KB whose compressed bytes hold `word` and then 3 and 1.

    LZ4 writes text that is new, and then the distance of a repetition: 259 is 03 01. `FJL` 03 is what
    ended a batch in the journal of format 2.
    """
    text = letters(choose, 300)
    for _ in range(200):
        text += letters(choose, 20) + word
        text += text[len(text) - 259 :][:12]
    return b'{"name":"%s","size":null}' % text.encode()


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
