"""Power cuts under load, and sometimes while the service starts.

The disk loses what it has not flushed, in different ways, or ext4 loses what it has not written.
"""

import random
import time

from disk import FaultyDisk
from ledger import Ledger
from load import Load
from restart import start_and_compare
from service import Service

IDS = 600
DISK_MEGABYTES = 900
ROUNDS_OF_A_STORE = 25
LOSSES = ("all", "none", "some", "later", "of ext4")


def run(rig):
    """Runs all rounds."""
    choose = random.Random(rig.seed)
    disk = FaultyDisk(rig, DISK_MEGABYTES)
    service = Service(rig, f"{disk.path}/data")
    ledger = None
    for at in range(rig.rounds):
        rig.tally.begin_round()
        if ledger is None or at % ROUNDS_OF_A_STORE == 0:
            service.kill()
            disk.empty()
            ledger = Ledger(IDS)
            service.start()
        if not cut(rig, choose, disk, service, ledger, f"{rig.seed} {at}"):
            ledger = None


def cut(rig, choose, disk, service, ledger, seed):
    """Runs one round; returns whether the store can still be used."""
    before = ledger.acknowledged()
    load = Load(service.address, ledger, rig.tally, seed, choose.choice((1, 16, 64)))
    time.sleep(choose.uniform(0.2, 1.0))
    lose(rig, choose, disk, service, seed)
    load.stop()
    rig.tally.add("acknowledged", ledger.acknowledged() - before)
    while choose.random() < 0.2:
        # The power fails again while the store recovers.
        service.launch()
        time.sleep(choose.uniform(0.0, 0.1))
        lose(rig, choose, disk, service, f"{seed} again")
        rig.tally.add("cut starts")
    return start_and_compare(rig, service, ledger)


def lose(rig, choose, disk, service, seed):
    """Cuts the power, and mounts what is left."""
    way = choose.choice(LOSSES)
    rig.tally.add(f"losses {way}")
    if way == "of ext4":
        service.freeze()
        disk.shut_down()
    else:
        # The service may run on: nothing is written any more, and it is told so.
        disk.cut_power()
    service.kill()
    disk.unmount()
    if way != "of ext4":
        rig.tally.add("unflushed writes", disk.power(seed, way))
    disk.mount()
