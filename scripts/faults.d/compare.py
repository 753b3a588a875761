"""Compares a service that was started again with the ledger."""

import json
import threading

from client import Client, ConnectionLost, target
from ledger import ABSENT, digest

READERS = 4


def compare(address, ledger, may_fail=False):
    """Reads everything, and returns what is not right as pairs of a kind and a description.

    With `may_fail`, reads may be answered 500, because something was damaged; these are of the kind
    "damaged". What was observed becomes what is expected from now on.
    """
    findings = []
    listed = read_list(address, findings, may_fail)
    observed = read_items(address, ledger, findings, may_fail)
    for entry in ledger.entries:
        if entry.id not in observed:
            continue
        value = observed[entry.id]
        if listed is not None and listed.get(entry.id, ABSENT) != value:
            findings.append(("wrong", f"{entry.id} is listed otherwise than it is read"))
        if fault := entry.judge(value):
            findings.append(fault)
        entry.settle(value)
    for item in (listed or {}).keys() - ledger.by_id.keys():
        findings.append(("wrong", f"{item} is listed, and was never written"))
    return findings


def read_list(address, findings, may_fail):
    """Returns the values of all listed items, or None if the list cannot be read."""
    client, listed, path = Client(address), {}, "/items?limit=200"
    while path:
        answer = client.request("GET", path)
        if answer.status != 200:
            kind = "damaged" if may_fail and answer.status == 500 else "wrong"
            findings.append((kind, f"the list is answered {answer.status}: {answer.problem()}"))
            return None
        page = json.loads(answer.body)
        for line in page["items"]:
            text = json.dumps(line["item"], separators=(",", ":"), ensure_ascii=False)
            listed[line["id"]] = digest(text.encode())
        path = page["next"]
    client.close()
    return listed


def read_items(address, ledger, findings, may_fail):
    """Returns what GET says about each id, but for those that cannot be read."""
    observed = {}

    def read(entries):
        client = Client(address)
        for entry in entries:
            try:
                answer = client.request("GET", target(entry.id))
            except ConnectionLost as error:
                findings.append(("wrong", f"GET of {entry.id} was not answered: {error}"))
                continue
            if answer.status == 200:
                observed[entry.id] = digest(answer.body)
            elif answer.status == 404:
                observed[entry.id] = ABSENT
            else:
                kind = "damaged" if may_fail and answer.status == 500 else "wrong"
                findings.append((kind, f"GET of {entry.id} is answered {answer.status}"))
        client.close()

    readers = [
        threading.Thread(target=read, args=(ledger.entries[at::READERS],)) for at in range(READERS)
    ]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    return observed


def replay(address, ledger):
    """Sends the last writes under an idempotency key again: the answers have to be the first ones."""
    findings, client = [], Client(address)
    for keyed in ledger.keyed:
        fields = {"Idempotency-Key": f'"{keyed.key}"'}
        answer = client.request("PUT", target(keyed.entry.id), keyed.body, fields)
        if answer.fields["Idempotent-Replayed"] != "true":
            if answer.is_success():
                ledger.acknowledge(keyed.entry, digest(keyed.body))
            text = f"the answer under the key {keyed.key} for {keyed.entry.id} is forgotten"
            findings.append(("lost", text))
        elif (answer.status, answer.fields["ETag"]) != (keyed.status, keyed.etag):
            text = f"the answer under the key {keyed.key} is {answer.status}, not {keyed.status}"
            findings.append(("wrong", text))
    ledger.keyed.clear()
    client.close()
    return findings
