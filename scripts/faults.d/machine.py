"""Mounts, loop devices and the commands that make them."""

import fcntl
import os
import struct
import subprocess
import time


class CannotRun(Exception):
    """This machine cannot run the rig; the message says why."""


def command(*words):
    """Runs a command and returns what it printed. Raises an error with what it said if it fails."""
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(words)}: {done.stderr.strip() or done.returncode}")
    return done.stdout


def copy_files(source, place):
    """Copies a file or a directory with everything below; holes stay holes."""
    command("cp", "--archive", "--sparse=always", source, place)


def mount_of(path):
    """Returns the device that is mounted at a path, or None."""
    with open("/proc/mounts", encoding="utf-8") as mounts:
        for line in mounts:
            device, place = line.split()[:2]
            if place == path:
                return device
    return None


def unmount(path):
    """Unmounts a path if something is mounted there; waits for those that are about to leave it."""
    end = time.monotonic() + 10
    while mount_of(path):
        try:
            command("umount", path)
        except RuntimeError:
            if time.monotonic() > end:
                command("umount", "--lazy", path)
                raise
            time.sleep(0.05)


def files_below(path):
    """Yields all files below a directory, in a fixed order; a socket is none."""
    for folder, folders, names in os.walk(path):
        folders.sort()
        for name in sorted(names):
            file = os.path.join(folder, name)
            if os.path.isfile(file):
                yield file
