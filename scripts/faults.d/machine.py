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


def copy(source, place):
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
    """Yields all files below a directory, in a fixed order."""
    for folder, folders, names in os.walk(path):
        folders.sort()
        for name in sorted(names):
            yield os.path.join(folder, name)


class Disk:
    """ext4 on a loop device on a file in a tmpfs.

    The file is as large as the file system, but only what ext4 itself needs is there from the start:
    the rest is holes. While the tmpfs is full, a write to a hole fails.
    """

    SHUT_DOWN = 0x8004587D
    """EXT4_IOC_SHUTDOWN."""
    NO_FLUSH = 2

    def __init__(self, rig, megabytes):
        if os.geteuid() != 0:
            raise CannotRun("only root can mount file systems")
        self.bytes = megabytes << 20
        self.memory, self.path = f"{rig.work}/memory", f"{rig.work}/mount"
        self.image, self.filler = f"{self.memory}/image", f"{self.memory}/filler"
        os.makedirs(self.memory, exist_ok=True)
        os.makedirs(self.path, exist_ok=True)
        rig.cleanup.callback(self.remove)
        try:
            size = f"size={megabytes + 32}M"
            command("mount", "-t", "tmpfs", "-o", size, "shelf-faults", self.memory)
            self.make()
            self.mount()
            command("fstrim", self.path)
        except (RuntimeError, FileNotFoundError) as error:
            raise CannotRun(error) from error

    def make(self):
        """Makes the file system."""
        with open(self.image, "wb") as image:
            image.truncate(self.bytes)
        extra = "lazy_itable_init=0,lazy_journal_init=0,nodiscard"
        command("mkfs.ext4", "-q", "-F", "-b", "4096", "-E", extra, "-J", "size=32", self.image)
        # Everything is allocated; `fstrim` makes holes of what ext4 does not need.
        with open(self.image, "r+b") as image:
            os.posix_fallocate(image.fileno(), 0, self.bytes)

    def mount(self):
        """Mounts the file system."""
        options = "loop,errors=continue,nodiscard"
        command("mount", "-t", "ext4", "-o", options, self.image, self.path)
        # With larger requests the loop driver takes a write for done that a full tmpfs cut short.
        name = os.path.basename(mount_of(self.path))
        with open(f"/sys/block/{name}/queue/max_sectors_kb", "w", encoding="ascii") as limit:
            limit.write("4")

    def unmount(self):
        """Unmounts the file system: what was written reaches the disk."""
        unmount(self.path)

    def empty(self):
        """Removes all files, and makes holes of their blocks."""
        for name in os.listdir(self.path):
            if name != "lost+found":
                command("rm", "-r", "--", f"{self.path}/{name}")
        command("fstrim", self.path)

    def fail(self):
        """From now on writes to new blocks fail."""
        filler = os.open(self.filler, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
        system = os.statvfs(self.memory)
        try:
            if free := system.f_bavail * system.f_frsize:
                os.posix_fallocate(filler, 0, free)
        except OSError:
            pass  # The service was faster; what it left is filled below.
        try:
            while True:
                os.write(filler, bytes(4096))
        except OSError:
            pass  # It is full.
        finally:
            os.close(filler)

    def work_again(self):
        """From now on writes are done."""
        os.truncate(self.filler, 0)

    def cut_power(self):
        """Loses what is not on the disk. The service has to be frozen before, and killed after it.

        If it ran on, its fdatasync would return success for what is lost.
        """
        place = os.open(self.path, os.O_RDONLY)
        try:
            fcntl.ioctl(place, self.SHUT_DOWN, struct.pack("I", self.NO_FLUSH))
        finally:
            os.close(place)

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

    def remove(self):
        """Unmounts everything."""
        unmount(self.path)
        unmount(self.memory)
