"""Injures the item service and compares what is left with everything that it acknowledged.

  kill     kill -9 under load, and while the service starts
  power    power cuts: what was not flushed is lost, in part or whole
  device   the disk fails for a short while; then a restart, and a reboot or a power cut
  planted  items that look like the journal's own bytes, and torn ends of the journal
  damage   flipped bits, zeroed sectors and blocks, truncated and removed files
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
"""The rigs, and how many rounds each has."""
ROUNDS_SHORT = {"kill": 20, "power": 15, "device": 10, "planted": 8, "damage": 60, "full": 2}
"""The rounds of a run of all rigs."""
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
HELD, FAILED, NOT_RUN, INTERRUPTED = 0, 1, 77, 130


@dataclass
class Rig:
    """What every rig gets."""

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
    parser.add_argument("rig", choices=ROUNDS, nargs="?", help="without it: all, a few rounds each")
    parser.add_argument("-n", "--rounds", type=int, help="500, 100, 100, 20, 400 and 2 by default")
    parser.add_argument("--seed", help="repeats the choices of a run; its timing still differs")
    parser.add_argument(
        "--keep", default=f"{ROOT}/target/faults", help="where files of bad rounds are copied"
    )
    return parser.parse_args()


def interrupt(_signal, _frame):
    """Ends the run as Ctrl-C does, so that everything is cleaned up."""
    raise KeyboardInterrupt


def ignore_signals():
    """Lets nothing interrupt what is cleaned up."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def binary():
    """Returns the binary. Raises CannotRun where something is missing."""
    path = os.path.abspath(os.environ.get("ITEMS_BIN", f"{ROOT}/target/release/items"))
    if not os.access(path, os.X_OK):
        raise CannotRun(f"there is no {path}; run: cargo build --release --package items")
    if not shutil.which("setpriv"):
        raise CannotRun("setpriv is missing; the package util-linux has it")
    return path


def run(name, rounds, seed, keep):
    """Runs one rig and returns an exit code."""
    tally = Tally(name, keep)
    try:
        with contextlib.ExitStack() as cleanup:
            work = cleanup.enter_context(tempfile.TemporaryDirectory(prefix="shelf-faults-"))
            rig = Rig(binary(), work, rounds, seed, tally, cleanup)
            print(f"{name}: {rounds} rounds, seed {seed}, {rig.binary}", flush=True)
            try:
                importlib.import_module(f"rig_{name}").run(rig)
            except KeyboardInterrupt:
                ignore_signals()
                raise
    except CannotRun as why:
        print(f"{name}: not run: {why}", flush=True)
        return NOT_RUN
    except KeyboardInterrupt:
        print(f"interrupted; so far {tally.summary()}", flush=True)
        return INTERRUPTED
    print(tally.summary(), flush=True)
    return HELD if tally.is_good() else FAILED


def main():
    """Runs one rig or all of them, and returns the exit code."""
    chosen = arguments()
    for number in SIGNALS:
        signal.signal(number, interrupt)
    seed = chosen.seed or str(random.SystemRandom().randrange(1 << 32))
    if chosen.rig:
        return run(chosen.rig, chosen.rounds or ROUNDS[chosen.rig], seed, chosen.keep)
    codes = []
    for name, rounds in ROUNDS_SHORT.items():
        codes.append(run(name, chosen.rounds or rounds, seed, chosen.keep))
        if INTERRUPTED in codes:
            break
    return next((code for code in (INTERRUPTED, FAILED, NOT_RUN) if code in codes), HELD)


sys.exit(main())
