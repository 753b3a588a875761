"""kill -9 under load, and sometimes while the service starts."""

import random
import time

from compare import compare, replay
from ledger import Ledger
from load import Load
from service import Refused, Service

IDS = 600
ROUNDS_OF_A_STORE = 50
"""Then a new store begins, so that creation is in it as well."""


def run(run):
    """Runs all rounds."""
    choose, store = random.Random(run.seed), None
    for at in range(run.rounds):
        run.tally.begin_round()
        if store is None or at % ROUNDS_OF_A_STORE == 0:
            store = Store(run, at)
        if not store.round(choose, f"{run.seed} {at}"):
            store = None
    if store:
        store.service.kill()


class Store:
    """A directory that is used for many rounds."""

    def __init__(self, run, number):
        self.tally, self.data = run.tally, f"{run.work}/kill-{number}"
        self.service = Service(run.binary, self.data, f"{run.work}/kill-{number}.log")
        run.cleanup.callback(self.service.kill)
        self.ledger = Ledger(IDS)
        self.service.start()

    def round(self, choose, seed):
        """Runs one round; returns whether the store can still be used."""
        before = self.ledger.acknowledged()
        connections = choose.choice((1, 16, 64))
        load = Load(self.service.address, self.ledger, self.tally, seed, connections)
        time.sleep(choose.uniform(0.2, 1.0))
        self.service.kill()
        load.stop()
        self.tally.add("acknowledged", self.ledger.acknowledged() - before)
        while choose.random() < 0.2:
            # A recovery that is killed as well.
            self.service.launch()
            time.sleep(choose.uniform(0.0, 0.1))
            self.service.kill()
            self.tally.add("killed starts")
        try:
            self.service.start()
        except Refused as why:
            self.tally.find("refused", str(why))
            self.tally.keep_evidence(self.data, self.service.log)
            return False
        self.tally.find_all(compare(self.service.address, self.ledger))
        self.tally.find_all(replay(self.service.address, self.ledger))
        self.tally.keep_evidence(self.data, self.service.log)
        return True
