"""A disk in a process of its own: one file in a FUSE file system, whose writes can be made to fail
and whose power can be cut.

usage: disk_server.py IMAGE MOUNTED_FILE

The contents are in IMAGE. MOUNTED_FILE is where the disk shows; a loop device makes a block device of
it. As a real disk does, it has a volatile cache: a write is safe only after the next flush. Commands
come as lines of JSON on standard input, and each is answered with a line:

  {"do": "fail", "ranges": [[first, end], ..], "seed": "..", "share": 1.0}
                                                writes that touch these bytes fail from now on, or a
                                                share of them: some pieces fail always, others never
  {"do": "work"}                                they are done again
  {"do": "cut"}                                 nothing is done any more
  {"do": "power", "seed": "..", "way": ".."}    what was not flushed is lost in one of the ways of
                                                LOSSES; then everything works again
"""

import errno
import json
import os
import random
import struct
import subprocess
import sys
import threading

SECTOR = 512
PIECE_BYTES = 32 << 10
"""When a disk fails in part, a piece of this size fails or does not."""
WRITE_BYTES_MAX = 1 << 20
BUFFER_BYTES = WRITE_BYTES_MAX + 4096

# Operations and structures of the kernel's include/uapi/linux/fuse.h, version 7.31.
GETATTR, SETATTR, OPEN, READ, WRITE, STATFS = 3, 4, 14, 15, 16, 17
RELEASE, FSYNC, FLUSH, INIT, INTERRUPT, DESTROY = 18, 20, 25, 26, 36, 38
FORGET, BATCH_FORGET = 2, 42
UNANSWERED = {FORGET, BATCH_FORGET, INTERRUPT}
IN_HEADER = struct.Struct("<IIQQIIIHH")
OUT_HEADER = struct.Struct("<IiQ")
INIT_IN = struct.Struct("<IIII")
INIT_OUT = struct.Struct("<IIIIHHIIHHII6I")
ATTR_OUT = struct.Struct("<QII QQQQQQ IIIIIIIIII")
OPEN_OUT = struct.Struct("<QII")
READ_IN = struct.Struct("<QQI")
WRITE_IN = struct.Struct("<QQIIQII")
WRITE_OUT = struct.Struct("<II")
ASYNC_READ, BIG_WRITES, MAX_PAGES = 1 << 0, 1 << 5, 1 << 22
REGULAR_FILE = 0o100600


class Disk:
    """The contents, and what may still be lost of them."""

    def __init__(self, image):
        self.file = os.open(image, os.O_RDWR)
        self.bytes = os.fstat(self.file).st_size
        self.lock = threading.Lock()
        self.failing, self.seed, self.share = [], "", 1.0
        self.is_on = True
        self.cached = []
        """Writes since the last flush: where, what was there before, what is there now."""

    def read(self, at, length):
        """Reads."""
        with self.lock:
            if not self.is_on:
                raise OSError(errno.EIO, "off")
            return os.pread(self.file, length, at)

    def write(self, at, data):
        """Writes all of it or nothing."""
        with self.lock:
            if not self.is_on or self.fails(at, at + len(data)):
                raise OSError(errno.EIO, "failing")
            self.cached.append((at, os.pread(self.file, len(data), at), data))
            os.pwrite(self.file, data, at)

    def fails(self, at, end):
        """Tells whether a write to a range fails."""
        if not any(first < end and at < last for first, last in self.failing):
            return False
        pieces = range(at // PIECE_BYTES, -(-end // PIECE_BYTES))
        return any(random.Random(f"{self.seed} {piece}").random() < self.share for piece in pieces)

    def flush(self):
        """Makes all writes before it safe."""
        with self.lock:
            if not self.is_on:
                raise OSError(errno.EIO, "off")
            self.cached.clear()

    def lose(self, choose, way):
        """Loses what was not flushed, sector by sector, and works again."""
        with self.lock:
            for at, old, _ in reversed(self.cached):
                os.pwrite(self.file, old, at)
            keeps = LOSSES[way](choose, len(self.cached))
            for number, (at, _, new) in enumerate(self.cached):
                for place in range(0, len(new), SECTOR):
                    if keeps(number):
                        os.pwrite(self.file, new[place : place + SECTOR], at + place)
            lost = len(self.cached)
            self.cached.clear()
            self.failing, self.is_on = [], True
            return lost


def lose_all(_choose, _count):
    """Nothing of the cache was written."""
    return lambda _number: False


def lose_none(_choose, _count):
    """All of the cache was written."""
    return lambda _number: True


def lose_some(choose, _count):
    """Any sectors were written, in any order."""
    share = choose.random()
    return lambda _number: choose.random() < share


def lose_later(choose, count):
    """Writes were done in order, and the last one of them in part."""
    last = choose.randrange(count + 1)
    return lambda number: number < last or (number == last and choose.random() < 0.5)


LOSSES = {"all": lose_all, "none": lose_none, "some": lose_some, "later": lose_later}


class Server:
    """Answers the kernel."""

    def __init__(self, disk, device):
        self.disk, self.device = disk, device
        self.answers = {
            INIT: self.init,
            GETATTR: self.attributes,
            SETATTR: self.attributes,
            OPEN: lambda _: OPEN_OUT.pack(0, 0, 0),
            READ: self.read,
            WRITE: self.write,
            FSYNC: self.flush,
            FLUSH: lambda _: b"",
            RELEASE: lambda _: b"",
            DESTROY: lambda _: b"",
            STATFS: lambda _: bytes(80),
        }

    def run(self):
        """Answers requests until the file system is unmounted."""
        while True:
            try:
                request = os.read(self.device, BUFFER_BYTES)
            except OSError as error:
                if error.errno in (errno.EINTR, errno.ENOENT, errno.EAGAIN):
                    continue
                return
            _, operation, unique, *_ = IN_HEADER.unpack_from(request)
            if operation in UNANSWERED:
                continue
            code, body = 0, b""
            try:
                body = self.answers[operation](memoryview(request)[IN_HEADER.size :])
            except KeyError:
                code = -errno.ENOSYS
            except OSError as error:
                code = -error.errno
            header = OUT_HEADER.pack(OUT_HEADER.size + len(body), code, unique)
            try:
                os.writev(self.device, (header, body))
            except OSError:
                pass  # The request was given up meanwhile.

    def init(self, body):
        """Agrees on the protocol."""
        _, _, readahead, flags = INIT_IN.unpack_from(body)
        flags &= ASYNC_READ | BIG_WRITES | MAX_PAGES
        pages = WRITE_BYTES_MAX // 4096
        return INIT_OUT.pack(
            7, 31, readahead, flags, 16, 12, WRITE_BYTES_MAX, 1, pages, 0, 0, 0, *[0] * 6
        )

    def attributes(self, _body):
        """Describes the file."""
        size, owner, group, links = self.disk.bytes, 0, 0, 1
        times = (0,) * 6
        return ATTR_OUT.pack(
            3600, 0, 0, 1, size, size // SECTOR, *times[:3], *times[3:], REGULAR_FILE, links,
            owner, group, 0, 4096, 0,
        )  # fmt: skip

    def read(self, body):
        """Reads."""
        _, at, length = READ_IN.unpack_from(body)
        return self.disk.read(at, length)

    def write(self, body):
        """Writes."""
        _, at, length, *_ = WRITE_IN.unpack_from(body)
        self.disk.write(at, bytes(body[WRITE_IN.size : WRITE_IN.size + length]))
        return WRITE_OUT.pack(length, 0)

    def flush(self, _body):
        """Flushes."""
        self.disk.flush()
        return b""


def obey(disk):
    """Does what standard input says."""
    for line in sys.stdin:
        order, lost = json.loads(line), 0
        match order["do"]:
            case "fail":
                disk.failing, disk.seed = order["ranges"], order["seed"]
                disk.share = order["share"]
            case "work":
                disk.failing = []
            case "cut":
                disk.is_on = False
            case "power":
                lost = disk.lose(random.Random(order["seed"]), order["way"])
        print(json.dumps({"lost": lost}), flush=True)
    os._exit(0)


def main():
    """Mounts the file and serves it."""
    image, mounted = sys.argv[1:]
    disk = Disk(image)
    device = os.open("/dev/fuse", os.O_RDWR)
    options = f"fd={device},rootmode={REGULAR_FILE:o},user_id=0,group_id=0,max_read={WRITE_BYTES_MAX}"
    mount = ["mount", "--internal-only", "-t", "fuse", "-o", options, "shelf-faults", mounted]
    subprocess.run(mount, check=True, pass_fds=[device])
    server = Server(disk, device)
    threading.Thread(target=obey, args=(disk,), daemon=True).start()
    print(json.dumps({"lost": 0}), flush=True)
    server.run()


main()
