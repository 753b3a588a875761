"""Injures the item service and compares what is left with everything that it acknowledged.

  kill     kill -9 under load
  power    a power cut: ext4 is shut down without a flush
  device   the disk fails for a short while; then restarts, reboots and power cuts
  planted  items that look like the journal's own bytes, and torn ends of the journal
  damage   flipped bits, zeroed sectors and blocks, and truncated files
  full     a full disk that is emptied by deletions

The binary is ITEMS_BIN, or target/release/items. Exits with 0 if everything held, with 1 if not, and
with 77 if this machine cannot do it.
"""

import argparse
import contextlib
import importlib
import os
import random
import shutil
import signal
import sys
import tempfile
from dataclasses import dataclass

from machine import CannotRun
from tally import Tally

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ROUNDS = {"kill": 500, "power": 100, "device": 100, "planted": 20, "damage": 400, "full": 2}
NOT_RUN = 77


@dataclass
class Run:
    """What a rig gets."""

    binary: str
    work: str
    """A directory for everything that is not mounted."""
    rounds: int
    seed: str
    tally: Tally
    cleanup: contextlib.ExitStack


def arguments():
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        prog="scripts/faults",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("rig", choices=ROUNDS)
    parser.add_argument("-n", "--rounds", type=int, help="how often (500, 100, 100, 20, 400, 2)")
    parser.add_argument("--seed", help="repeats the choices of a run; timing still differs")
    parser.add_argument(
        "--keep", default=f"{ROOT}/target/faults", help="where files of bad rounds are copied"
    )
    return parser.parse_args()


def interrupt(_signal, _frame):
    """Ends the run as Ctrl-C does, so that everything is cleaned up."""
    raise KeyboardInterrupt


def main():
    """Runs one rig and returns the exit code."""
    chosen = arguments()
    signal.signal(signal.SIGTERM, interrupt)
    signal.signal(signal.SIGHUP, interrupt)
    binary = os.path.abspath(os.environ.get("ITEMS_BIN", f"{ROOT}/target/release/items"))
    if not os.access(binary, os.X_OK):
        print(f"not run: there is no {binary}; run: cargo build --release -p items")
        return NOT_RUN
    if not shutil.which("setpriv"):
        print("not run: setpriv is missing; it is in the package util-linux")
        return NOT_RUN
    rounds = chosen.rounds or ROUNDS[chosen.rig]
    seed = chosen.seed or str(random.SystemRandom().randrange(1 << 32))
    print(f"{chosen.rig}: {rounds} rounds, seed {seed}, {binary}", flush=True)
    tally = Tally(chosen.rig, chosen.keep)
    try:
        with contextlib.ExitStack() as cleanup:
            work = cleanup.enter_context(tempfile.TemporaryDirectory(prefix="shelf-faults-"))
            run = Run(binary, work, rounds, seed, tally, cleanup)
            importlib.import_module(f"rig_{chosen.rig}").run(run)
    except CannotRun as why:
        print(f"not run: {why}")
        return NOT_RUN
    except KeyboardInterrupt:
        print(f"interrupted; so far {tally.summary()}")
        return 130
    print(tally.summary())
    return 0 if tally.is_good() else 1


sys.exit(main())
