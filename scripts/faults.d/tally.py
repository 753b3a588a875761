"""Counts, findings, and what is kept of a round that went wrong."""

import os
import shutil
import subprocess
import sys
import threading
from collections import Counter

FAULTS = ("lost", "wrong", "refused", "refused without a place", "locked")
"""The kinds of findings that make a run fail: an acknowledged write that is not there, a value that
may not be there, a store that does not open, one that does not tell why, and one that takes no writes
though there is room."""

SHOWN_A_ROUND = 5
KEPT_ROUNDS = 3


class Tally:
    """The counts of a run. Threads may share it."""

    def __init__(self, name, keep):
        self.name, self.keep = name, keep
        self.counts = Counter()
        self.lock = threading.Lock()
        self.round = 0
        self.found_in_round = 0
        self.bad_rounds = 0

    def begin_round(self):
        """Begins the next round."""
        self.round += 1
        self.found_in_round = 0
        if sys.stderr.isatty():
            print(f"\r{self.name}: round {self.round} ", end="", file=sys.stderr, flush=True)

    def add(self, kind, number=1):
        """Counts something that is no fault."""
        with self.lock:
            self.counts[kind] += number

    def find(self, kind, text):
        """Counts a finding and prints it, unless the round had many."""
        with self.lock:
            self.counts[kind] += 1
            self.found_in_round += 1
            if self.found_in_round == 1:
                self.bad_rounds += 1
            if self.found_in_round <= SHOWN_A_ROUND:
                print(f"round {self.round}: {kind}: {text}", flush=True)

    def find_all(self, findings):
        """Counts findings."""
        for kind, text in findings:
            self.find(kind, text)

    def keep_evidence(self, *paths):
        """Copies directories and files of the first rounds that went wrong."""
        if not self.found_in_round or self.bad_rounds > KEPT_ROUNDS:
            return
        place = os.path.join(self.keep, f"{self.name}-{self.round}")
        shutil.rmtree(place, ignore_errors=True)
        os.makedirs(place)
        for path in filter(os.path.exists, paths):
            subprocess.run(["cp", "-a", "--sparse=always", path, place], check=False)
        print(f"round {self.round}: its files are in {place}", flush=True)

    def is_good(self):
        """Tells whether everything held, and there was something to hold."""
        return self.counts["acknowledged"] > 0 and not any(self.counts[kind] for kind in FAULTS)

    def summary(self):
        """Returns the line at the end."""
        first = ("acknowledged", "lost", "wrong", "refused")
        others = sorted(self.counts.keys() - set(first))
        counts = ", ".join(f"{kind} {self.counts[kind]}" for kind in (*first, *others))
        verdict = "held" if self.is_good() else "FAILED"
        bad = f" ({self.bad_rounds} bad)" if self.bad_rounds else ""
        return f"{self.name}: {verdict}: rounds {self.round}{bad}, {counts}"
