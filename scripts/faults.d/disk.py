"""ext4 on a loop device on a file in memory, with or without a disk between that can fail."""

import fcntl
import json
import os
import re
import struct
import subprocess
import sys

from machine import CannotRun, command, files_below, mount_of, unmount

BLOCK = 4096
SHUT_DOWN, NO_FLUSH = 0x8004587D, 2
"""EXT4_IOC_SHUTDOWN and its flag."""
REQUEST_KILOBYTES_MAX = 128
"""One write of the loop device is then one of the disk's, which does all of it or nothing. The loop
driver takes a write for done that was cut short."""


class Disk:
    """A mounted file system that can be emptied, unmounted, and deprived of its caches."""

    def __init__(self, rig, megabytes):
        if os.geteuid() != 0:
            raise CannotRun("only root can mount file systems")
        self.bytes = megabytes << 20
        self.memory, self.path = f"{rig.work}/memory", f"{rig.work}/mount"
        self.image = self.backing = f"{self.memory}/image"
        os.makedirs(self.memory)
        os.makedirs(self.path)
        rig.cleanup.callback(self.remove)
        try:
            size = f"size={megabytes + 32}M"
            command("mount", "-t", "tmpfs", "-o", size, "shelf-faults", self.memory)
            self.make()
            self.mount()
        except (RuntimeError, OSError) as error:
            raise CannotRun(error) from error

    def make(self):
        """Makes the file system."""
        with open(self.image, "wb") as image:
            image.truncate(self.bytes)
        extra = "lazy_itable_init=0,lazy_journal_init=0"
        command("mkfs.ext4", "-q", "-F", "-b", str(BLOCK), "-E", extra, "-J", "size=32", self.image)

    def mount(self):
        """Mounts the file system."""
        options = "loop,errors=continue,nodiscard"
        command("mount", "-t", "ext4", "-o", options, self.backing, self.path)
        name = os.path.basename(mount_of(self.path))
        with open(f"/sys/block/{name}/queue/max_sectors_kb", "w", encoding="ascii") as limit:
            limit.write(str(REQUEST_KILOBYTES_MAX))

    def unmount(self):
        """Unmounts the file system: what was written reaches the disk, if that works."""
        unmount(self.path)

    def empty(self):
        """Removes all files."""
        for name in os.listdir(self.path):
            if name != "lost+found":
                command("rm", "-r", "--", f"{self.path}/{name}")

    def sync(self):
        """Writes out everything that waits in the kernel, as far as the disk takes it."""
        try:
            command("sync", "--file-system", self.path)
        except RuntimeError:
            pass  # It tells of a write that failed before, and has written everything all the same.

    def drop_caches(self):
        """Makes the kernel forget the contents of all files, so that reads come from the disk.

        Pages that could not be written count as clean, and are dropped as well.
        """
        self.sync()
        for file in files_below(self.path):
            opened = os.open(file, os.O_RDONLY)
            os.posix_fadvise(opened, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(opened)

    def shut_down(self):
        """Loses what the file system has not written. To be unmounted after it.

        Processes that write have to be frozen before and killed after it: if they ran on, their
        fdatasync would return success for what is lost.
        """
        place = os.open(self.path, os.O_RDONLY)
        try:
            fcntl.ioctl(place, SHUT_DOWN, struct.pack("I", NO_FLUSH))
        finally:
            os.close(place)

    def is_writable(self):
        """Tells whether files can be made. After an error of the disk they may not, until the file
        system is mounted again."""
        probe = f"{self.path}/probe"
        try:
            with open(probe, "wb"):
                os.remove(probe)
        except OSError:
            return False
        return True

    def remove(self):
        """Unmounts everything."""
        unmount(self.path)
        unmount(self.memory)


class FaultyDisk(Disk):
    """A disk whose writes can be made to fail, and which loses its cache with its power."""

    server = None

    def make(self):
        """Makes the file system, and starts the process that is its disk."""
        super().make()
        self.data = free_ranges(self.image)
        self.backing = f"{self.memory}/disk"
        with open(self.backing, "wb"):
            pass
        program = os.path.join(os.path.dirname(__file__), "disk_server.py")
        words = ["setpriv", "--pdeathsig", "KILL", sys.executable, "-B", program]
        self.server = subprocess.Popen(
            [*words, self.image, self.backing],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            # Ctrl-C is for the rig: the disk is needed until everything is unmounted.
            start_new_session=True,
        )
        if not self.server.stdout.readline():
            raise CannotRun("a file system in user space (FUSE) cannot be mounted")

    def order(self, **what):
        """Gives the process an order, and returns its answer."""
        self.server.stdin.write(json.dumps(what) + "\n")
        self.server.stdin.flush()
        return json.loads(self.server.stdout.readline())

    def fail(self, seed, share=1.0):
        """From now on writes of data fail: all of them, or those to a share of the disk.

        The file system's own blocks can still be written: after an error there it refuses
        everything, until it is mounted again.
        """
        self.order(do="fail", ranges=self.data, seed=seed, share=share)

    def work_again(self):
        """From now on writes are done."""
        self.order(do="work")

    def cut_power(self):
        """From now on nothing is done."""
        self.order(do="cut")

    def power(self, seed, way):
        """Gives a disk that is not mounted power again. Of the writes since its last flush some are
        lost: see LOSSES in disk_server.py. Returns how many writes there were."""
        return self.order(do="power", seed=seed, way=way)["lost"]

    def remove(self):
        """Unmounts everything and ends the process."""
        unmount(self.path)
        if self.server:
            unmount(self.backing)
            self.server.kill()
            self.server.wait()
        unmount(self.memory)


def free_ranges(image):
    """Returns the ranges of bytes that a new file system keeps for files."""
    ranges = []
    for line in command("dumpe2fs", image).splitlines():
        if line.startswith("  Free blocks: "):
            for first, last in re.findall(r"(\d+)(?:-(\d+))?", line):
                ranges.append((int(first) * BLOCK, (int(last or first) + 1) * BLOCK))
    return ranges
