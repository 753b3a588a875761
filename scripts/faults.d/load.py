"""Clients that write as fast as they can, and note what they are told."""

import base64
import random
import string
import threading
import time

from client import Client, ConnectionLost, target
from ledger import ABSENT, Keyed, digest

TEXT = base64.b64encode(random.Random(1).randbytes(300_000)).decode().replace("/", "_")
"""Text that hardly compresses."""

TEXT_BYTES_MAX = 100_000
READ_SHARE = 0.1
PAUSE_SECONDS = 0.02
"""Between a write that failed and the next one."""


def representation(choose, number, text_bytes=None):
    """Makes an item, in the form in which the service keeps it: 20 bytes to 100 KB.

    No two numbers give the same item. Sizes are spread evenly over their magnitudes.
    """
    if text_bytes is None:
        text_bytes = int(TEXT_BYTES_MAX ** choose.random())
    if text_bytes < 20:
        return b'{"name":null,"size":%d}' % number
    at = choose.randrange(len(TEXT) - text_bytes)
    text = TEXT[at : at + text_bytes]
    if choose.random() < 0.3:
        text = (text[:30] * (text_bytes // 30 + 1))[:text_bytes]
    return b'{"name":"%s","size":%d}' % (text.encode(), number)


class Load:
    """Connections that write until they are stopped, or until the service is gone."""

    def __init__(self, address, ledger, tally, seed, connections, make=representation):
        self.ledger, self.tally, self.make = ledger, tally, make
        self.over = threading.Event()
        self.threads = [
            threading.Thread(
                target=self.work,
                args=(
                    Client(address),
                    ledger.entries[at::connections],
                    random.Random(f"{seed} {at}"),
                ),
                daemon=True,
            )
            for at in range(connections)
        ]
        for thread in self.threads:
            thread.start()

    def stop(self):
        """Waits until all connections have their last answer."""
        self.over.set()
        for thread in self.threads:
            thread.join()

    def work(self, client, entries, choose):
        """Writes over one connection to ids that only it writes to."""
        while not self.over.is_set():
            entry = choose.choice(entries)
            try:
                if choose.random() < READ_SHARE or not entry.is_settled():
                    self.read(client, entry)
                else:
                    self.write(client, entry, choose)
            except ConnectionLost:
                break
        client.close()

    def read(self, client, entry):
        """Reads an item that only this connection writes to.

        If it shows a write of unknown outcome, that write has to stay; if it does not, the write may
        still happen, until the service was started again.
        """
        answer = client.request("GET", target(entry.id))
        if answer.status not in (200, 404):
            self.tally.add("failed")
            time.sleep(PAUSE_SECONDS)
            return
        observed = digest(answer.body) if answer.status == 200 else ABSENT
        if fault := entry.judge(observed):
            self.tally.find(fault[0], f"while the service runs: {fault[1]}")
        if observed != entry.known:
            entry.settle(observed)

    def write(self, client, entry, choose):
        """Sends one write and notes its outcome."""
        fields, body, value = {}, self.make(choose, next(self.ledger.numbers)), ABSENT
        kind = choose.choices(("put", "delete", "keyed", "precondition", "schema"), (80, 9, 5, 3, 3))[0]
        key = "".join(choose.choices(string.ascii_letters, k=24))
        if kind == "keyed":
            fields["Idempotency-Key"] = f'"{key}"'
        elif kind == "precondition":
            fields["If-None-Match" if entry.known else "If-Match"] = "*"
        elif kind == "schema":
            body = body.replace(b'"size":', b'"sizes":')
        if kind != "delete":
            value = digest(body)
        method = "DELETE" if kind == "delete" else "PUT"
        before = entry.known
        try:
            answer = client.request(
                method, target(entry.id), None if kind == "delete" else body, fields
            )
        except ConnectionLost:
            entry.doubtful.add(value)
            raise
        self.note(entry, kind, value, answer)
        if kind == "keyed" and answer.is_success():
            etag = answer.fields["ETag"]
            self.ledger.keyed.append(Keyed(entry, key, body, answer.status, etag))
        self.check(entry, kind, before, answer)

    def note(self, entry, kind, value, answer):
        """Notes what the answer says about the write."""
        if answer.is_success():
            self.ledger.acknowledge(entry, value)
        elif answer.leaves_write_open():
            entry.doubtful.add(value)
            time.sleep(PAUSE_SECONDS)
        else:
            if kind != "delete":
                entry.refused.add(value)
            if answer.status >= 500:
                time.sleep(PAUSE_SECONDS)

    def check(self, entry, kind, before, answer):
        """Compares an answer with what has to be there, as far as it tells."""
        if answer.status >= 500:
            self.tally.add("failed")
            return
        expected = {
            "put": 200 if before else 201,
            "keyed": 200 if before else 201,
            "delete": 204 if before else 404,
            "precondition": 412,
            "schema": 422,
        }[kind]
        if answer.status != expected:
            text = f"{kind} of {entry.id} was answered {answer.status} in place of {expected}"
            self.tally.find("wrong", text)
