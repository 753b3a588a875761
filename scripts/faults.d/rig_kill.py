"""kill -9 under load, and sometimes while the service starts."""

import random
import shutil
import time

from ledger import Ledger
from load import Load
from restart import start_and_compare
from service import Service

IDS = 600
ROUNDS_OF_A_STORE = 50
"""Then a new store begins, so that creation is in it as well."""


def run(rig):
    """Runs all rounds."""
    choose = random.Random(rig.seed)
    service = Service(rig, f"{rig.work}/data")
    ledger = None
    for at in range(rig.rounds):
        rig.tally.begin_round()
        if ledger is None or at % ROUNDS_OF_A_STORE == 0:
            service.kill()
            shutil.rmtree(service.data, ignore_errors=True)
            ledger = Ledger(IDS)
            service.start()
        if not kill(rig, choose, service, ledger, f"{rig.seed} {at}"):
            ledger = None


def kill(rig, choose, service, ledger, seed):
    """Runs one round; returns whether the store can still be used."""
    before = ledger.acknowledged()
    load = Load(service.address, ledger, rig.tally, seed, choose.choice((1, 16, 64)))
    time.sleep(choose.uniform(0.2, 1.0))
    service.kill()
    load.stop()
    rig.tally.add("acknowledged", ledger.acknowledged() - before)
    while choose.random() < 0.2:
        # A recovery that is killed as well.
        service.launch()
        time.sleep(choose.uniform(0.0, 0.1))
        service.kill()
        rig.tally.add("killed starts")
    return start_and_compare(rig, service, ledger)
