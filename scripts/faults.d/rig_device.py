"""A disk that fails for a short while, the restart that the documentation asks for, and then a
reboot, lost caches or a power cut."""

import random
import time

from compare import compare, replay
from ledger import Ledger
from load import Load
from disk import FaultyDisk
from service import Refused, Service

IDS = 600
DISK_MEGABYTES = 700
FAILS_SECONDS = (0.2, 2.5)


def run(rig):
    """Runs all rounds, each with a new store."""
    choose = random.Random(rig.seed)
    disk = FaultyDisk(rig, DISK_MEGABYTES)
    service = Service(rig.binary, f"{disk.path}/data", f"{rig.work}/log")
    rig.cleanup.callback(service.kill)
    for at in range(rig.rounds):
        rig.tally.begin_round()
        disk.empty()
        ledger = Ledger(IDS)
        service.start()
        try:
            round_(rig, choose, disk, service, ledger, f"{rig.seed} {at}")
        except Refused as why:
            rig.tally.find("refused", str(why))
        rig.tally.add("acknowledged", ledger.acknowledged())
        rig.tally.keep_evidence(service.data, service.log)
        service.kill()


def round_(rig, choose, disk, service, ledger, seed):
    """Fails, restarts, goes on, loses the caches one way or another, and compares."""
    fail(rig, choose, disk, service, ledger, seed)
    service.start()
    check(rig, service, ledger)
    load = Load(service.address, ledger, rig.tally, f"{seed} again", choose.choice((1, 16)))
    time.sleep(choose.uniform(0.1, 0.5))
    way = choose.choice((reboot, forget, cut))
    rig.tally.add(way.__name__)
    way(disk, service, load)
    service.start()
    check(rig, service, ledger)


def fail(rig, choose, disk, service, ledger, seed):
    """Lets the disk fail under load, and ends the service."""
    load = Load(service.address, ledger, rig.tally, seed, choose.choice((1, 16, 64)))
    time.sleep(choose.uniform(0.2, 0.6))
    disk.sync()
    time.sleep(choose.uniform(0.0, 0.2))
    disk.fail(seed, choose.choice((1.0, 1.0, 0.3)))
    time.sleep(choose.uniform(*FAILS_SECONDS))
    rig.tally.add("rounds that saw the fault", any(not entry.is_settled() for entry in ledger.entries))
    if choose.random() < 0.25:
        start_on_failing_disk(rig, choose, service)
    disk.work_again()
    time.sleep(choose.uniform(0.0, 0.3))
    if choose.random() < 0.3:
        service.kill()
    else:
        service.stop()
    load.stop()
    if not disk.is_writable():
        rig.tally.add("remounted")
        disk.unmount()
        disk.mount()


def start_on_failing_disk(rig, choose, service):
    """Restarts the service too early. It may refuse that, but must not make anything worse."""
    service.stop()
    service.launch()
    time.sleep(choose.uniform(0.0, 0.3))
    rig.tally.add("started on the failing disk")


def check(rig, service, ledger):
    """Compares."""
    rig.tally.find_all(compare(service.address, ledger))
    rig.tally.find_all(replay(service.address, ledger))


def reboot(disk, service, load):
    """Stops in good order, and mounts again."""
    service.stop()
    load.stop()
    disk.unmount()
    disk.mount()


def forget(disk, service, load):
    """Kills the service, and makes the kernel forget its caches."""
    service.kill()
    load.stop()
    disk.drop_caches()


def cut(disk, service, load):
    """Cuts the power."""
    service.freeze()
    disk.shut_down()
    service.kill()
    load.stop()
    disk.unmount()
    disk.mount()
