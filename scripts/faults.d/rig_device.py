"""A disk that fails for a short while, the restart that the documentation asks for, new writes, and
then a reboot, lost caches or a power cut."""

import random
import time

from disk import FaultyDisk
from ledger import Ledger
from load import Load
from restart import start_and_compare
from service import Service

IDS = 600
DISK_MEGABYTES = 700
FAILS_SECONDS = (0.2, 2.5)


def run(rig):
    """Runs all rounds, each with a new store."""
    choose = random.Random(rig.seed)
    disk = FaultyDisk(rig, DISK_MEGABYTES)
    service = Service(rig, f"{disk.path}/data")
    for at in range(rig.rounds):
        rig.tally.begin_round()
        disk.empty()
        ledger = Ledger(IDS)
        service.start()
        fail_and_go_on(rig, choose, disk, service, ledger, f"{rig.seed} {at}")
        rig.tally.add("acknowledged", ledger.acknowledged())
        service.kill()
    if not rig.tally.counts["saw the fault"]:
        rig.tally.find("wrong", "no write had an unknown outcome: the disk did not fail")


def fail_and_go_on(rig, choose, disk, service, ledger, seed):
    """Runs one round."""
    fail(rig, choose, disk, service, ledger, seed)
    if not start_and_compare(rig, service, ledger):
        return
    load = Load(service.address, ledger, rig.tally, f"{seed} again", choose.choice((1, 16)))
    time.sleep(choose.uniform(0.1, 0.5))
    way = choose.choice((reboot, lose_caches, cut_power))
    rig.tally.add(f"then {way.__name__}")
    way(disk, service)
    load.stop()
    start_and_compare(rig, service, ledger)


def fail(rig, choose, disk, service, ledger, seed):
    """Lets the disk fail under load, and ends the service."""
    load = Load(service.address, ledger, rig.tally, seed, choose.choice((1, 16, 64)))
    time.sleep(choose.uniform(0.2, 0.6))
    disk.sync()
    time.sleep(choose.uniform(0.0, 0.2))
    disk.fail(seed, choose.choice((1.0, 1.0, 0.3)))
    time.sleep(choose.uniform(*FAILS_SECONDS))
    rig.tally.add("saw the fault", any(not entry.is_settled() for entry in ledger.entries))
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


def reboot(disk, service):
    """Stops in good order, and mounts again."""
    service.stop()
    disk.unmount()
    disk.mount()


def lose_caches(disk, service):
    """Kills the service, and makes the kernel forget its caches."""
    service.kill()
    disk.drop_caches()


def cut_power(disk, service):
    """Lets ext4 lose what it has not written."""
    service.freeze()
    disk.shut_down()
    service.kill()
    disk.unmount()
    disk.mount()
