"""A full disk that is emptied by deletions."""

import itertools
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from client import Client, ConnectionLost, target
from disk import Disk
from load import representation
from service import Refused, Service

DISK_MEGABYTES = 640
CLIENTS = 8
ITEM_BYTES = (2_000, 250_000)
"""The text of an item: from one to the other, spread evenly over the magnitudes."""
ROOM_SECONDS_MAX = 60
FILL_SECONDS_MAX = 300


def run(rig):
    """Fills and empties a new store: with a restart in between in every second round."""
    disk = Disk(rig, DISK_MEGABYTES)
    service = Service(rig, f"{disk.path}/data")
    for at in range(rig.rounds):
        rig.tally.begin_round()
        disk.empty()
        try:
            service.start()
            fill_and_empty(rig, service, random.Random(f"{rig.seed} {at}"), restart=at % 2 == 1)
        except Refused as why:
            rig.tally.find("refused", str(why))
        except ConnectionLost as error:
            rig.tally.find("wrong", f"a request is not answered: {error}; {service.last_words()}")
        rig.tally.keep_evidence(service.log)
        service.kill()


def fill_and_empty(rig, service, choose, restart):
    """Puts until the disk is full, deletes everything, and waits until half of it has room again."""
    ids, sent = put(rig, service, choose, "first", is_enough=lambda sent, full: full)
    delete(rig, service, ids)
    if restart:
        service.stop()
        service.start()
    client = Client(service.address)
    answer = client.request("GET", "/items?limit=1")
    client.close()
    if b'"items":[]' not in answer.body:
        rig.tally.find("wrong", f"items are there after all were deleted: {answer.body[:100]}")
    started = time.monotonic()
    _, again = put(rig, service, choose, "again", is_enough=lambda now, full: now >= sent / 2)
    when = "after a restart" if restart else "without a restart"
    how = f"{again >> 20} of {sent >> 20} MiB again in {time.monotonic() - started:.0f} s {when}"
    if again < sent / 2:
        rig.tally.find("locked", f"all items were deleted, and there was room for {how}")
    else:
        print(f"round {rig.tally.round}: there was room for {how}", flush=True)


def put(rig, service, choose, name, is_enough):
    """Puts items until it is enough, or until the time is over.

    Returns the ids of those that are there, and how many bytes were acknowledged.
    """
    ids, sizes, numbers = [], [], itertools.count()
    full, end = threading.Event(), time.monotonic() + FILL_SECONDS_MAX
    refused_since = [time.monotonic()]

    def work(choose):
        client = Client(service.address)
        while not is_enough(sum(sizes), full.is_set()) and time.monotonic() < end:
            number, (low, high) = next(numbers), ITEM_BYTES
            body = representation(choose, number, int(low * (high / low) ** choose.random()))
            answer = client.request("PUT", target(f"{name}-{number}"), body)
            if answer.is_success():
                ids.append(f"{name}-{number}")
                sizes.append(len(body))
                refused_since[0] = time.monotonic()
                rig.tally.add("acknowledged")
                continue
            rig.tally.add(f"PUT answered {answer.status}")
            if answer.status == 507:
                full.set()
            if time.monotonic() - refused_since[0] > ROOM_SECONDS_MAX:
                break
            time.sleep(0.1)
        client.close()

    in_threads(work, [random.Random(choose.random()) for _ in range(CLIENTS)])
    return ids, sum(sizes)


def delete(rig, service, ids):
    """Deletes all items: this has to work on a full disk too."""

    def delete_some(some):
        client = Client(service.address)
        for item in some:
            end = time.monotonic() + ROOM_SECONDS_MAX
            while (answer := client.request("DELETE", target(item))).status != 204:
                if time.monotonic() > end:
                    text = f"DELETE of {item} is answered {answer.problem()} for a minute"
                    rig.tally.find("locked", text)
                    return
                rig.tally.add(f"DELETE answered {answer.status}")
                time.sleep(0.1)
            rig.tally.add("deleted")
        client.close()

    in_threads(delete_some, [ids[at::CLIENTS] for at in range(CLIENTS)])


def in_threads(work, shares):
    """Runs `work` for each share in a thread of its own. Raises what one of them raised."""
    with ThreadPoolExecutor(CLIENTS) as threads:
        list(threads.map(work, shares))
