"""Power cuts under load.

In turns ext4 loses what it has not written, and the disk loses what it has not flushed.
"""

import random
import time

from compare import compare, replay
from ledger import Ledger
from load import Load
from disk import FaultyDisk
from service import Refused, Service

IDS = 600
DISK_MEGABYTES = 900
ROUNDS_OF_A_STORE = 25


def run(rig):
    """Runs all rounds."""
    choose = random.Random(rig.seed)
    disk = FaultyDisk(rig, DISK_MEGABYTES)
    service = Service(rig.binary, f"{disk.path}/data", f"{rig.work}/log")
    rig.cleanup.callback(service.kill)
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
    try:
        service.start()
    except Refused as why:
        rig.tally.find("refused", str(why))
        rig.tally.keep_evidence(service.data, service.log)
        return False
    rig.tally.find_all(compare(service.address, ledger))
    rig.tally.find_all(replay(service.address, ledger))
    rig.tally.keep_evidence(service.data, service.log)
    return True


def lose(rig, choose, disk, service, seed):
    """Cuts the power, and mounts what is left."""
    way = choose.choice(("all", "none", "some", "later", "of ext4"))
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
