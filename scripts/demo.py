"""Upserts a package list through a running item service: `demo.py ADDRESS FILE`.

FILE has a line per package: id, name and installed size in KiB with tabs between. The whole list is
put twice over keep-alive connections, and what the service says it did is counted.
"""

import http.client
import json
import sys
import threading
import time
from collections import Counter
from itertools import islice
from urllib.parse import quote

# Enough that the writes of several connections share one fsync.
CONNECTIONS = 32
OUTCOMES = ("created", "updated", "unchanged")
# Held while a count is raised, which is not atomic.
LOCK = threading.Lock()


def main(address, path):
    with open(path, encoding="utf-8") as lines:
        items = [item_of(line.rstrip("\n").split("\t")) for line in lines]
    first = put_all("first pass", address, items)
    second = put_all("second pass", address, items)
    if first["created"] != len(items) or second["unchanged"] != len(items):
        sys.exit(f"All {len(items)} items should have been created, and then unchanged.")


def item_of(fields):
    package, name, size = fields
    return package, json.dumps({"name": name, "size": int(size) if size else None})


def put_all(title, address, items):
    """Puts all items, and returns how many were created, updated and unchanged."""
    counts, faults = Counter(), []
    started = time.monotonic()
    shares = [
        threading.Thread(target=put, args=(address, islice(items, at, None, CONNECTIONS), counts, faults))
        for at in range(CONNECTIONS)
    ]
    for share in shares:
        share.start()
    while any(share.is_alive() for share in shares):
        if sys.stderr.isatty():
            print(f"\r{title}: {counts.total()} of {len(items)}", end="", file=sys.stderr, flush=True)
        time.sleep(0.05)
    seconds = time.monotonic() - started
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr, flush=True)
    if faults:
        sys.exit(f"{title}: {faults[0]}")
    told = ", ".join(f"{counts[outcome]} {outcome}" for outcome in OUTCOMES)
    print(f"{title}: {told} of {len(items)} in {seconds:.2f} s, {len(items) / seconds:.0f} a second")
    return counts


def put(address, items, counts, faults):
    """Puts items over one connection."""
    connection = http.client.HTTPConnection(address, timeout=60)
    try:
        for package, body in items:
            connection.request(
                "PUT",
                f"/items/{quote(package, safe='')}",
                body,
                {"Content-Type": "application/json", "Prefer": "return=minimal"},
            )
            response = connection.getresponse()
            text = response.read()
            outcome = response.headers.get("Shelf-Outcome")
            if response.status not in (200, 201, 204) or outcome not in OUTCOMES:
                faults.append(f"PUT {package} was answered {response.status}: {text.decode()}")
                return
            with LOCK:
                counts[outcome] += 1
    except OSError as error:
        faults.append(f"the connection to {address} failed: {error}")
    finally:
        connection.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
