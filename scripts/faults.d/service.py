"""The service under test, as a process."""

import json
import os
import signal
import subprocess
import time

START_SECONDS_MAX = 60
STOP_SECONDS_MAX = 30


class Refused(Exception):
    """The service did not start; the message is the end of its log."""


class Service:
    """The binary on one data directory. It can be started again and again."""

    def __init__(self, binary, data, log):
        self.binary, self.data, self.log = binary, data, log
        self.process, self.address = None, None

    def launch(self):
        """Starts the process, and does not wait until it listens."""
        command = [self.binary, "--listen", "127.0.0.1:0", "--log-format", "json"]
        command += ["--store", f"file:{self.data}"]
        with open(self.log, "wb") as log:
            # The kernel kills the service when this process ends, however it ends.
            self.process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *command], stdout=log, stderr=log
            )

    def start(self):
        """Starts the process and waits until it listens.

        Raises Refused if it ends before, or is not there in time.
        """
        self.launch()
        end = time.monotonic() + START_SECONDS_MAX
        while not (address := self.listens_on()):
            if self.process.poll() is not None:
                self.process = None
                raise Refused(self.last_words())
            if time.monotonic() > end:
                self.kill()
                raise Refused(f"it does not listen after {START_SECONDS_MAX} s")
            time.sleep(0.005)
        self.address = address

    def listens_on(self):
        """Returns the address that the log tells, if it does yet."""
        for line in self.log_lines():
            if address := line.get("fields", line).get("address"):
                return address
        return None

    def log_lines(self):
        """Yields the entries of the log."""
        with open(self.log, encoding="utf-8", errors="replace") as log:
            for line in log:
                try:
                    yield json.loads(line)
                except ValueError:
                    yield {"message": line.strip()}

    def last_words(self):
        """Returns the last message of the log."""
        messages = [line.get("fields", line).get("message", "") for line in self.log_lines()]
        return next((message for message in reversed(messages) if message), "it said nothing")

    def kill(self):
        """Kills the process as `kill -9` does."""
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    def stop(self):
        """Asks the process to end, and returns whether it did so in good order."""
        if not self.process:
            return False
        self.process.terminate()
        try:
            code = self.process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self.kill()
            return False
        self.process = None
        return code == 0

    def freeze(self):
        """Stops all threads where they are: nothing is answered any more.

        A thread that waits for the disk stops before it is back from the kernel.
        """
        os.kill(self.process.pid, signal.SIGSTOP)
        tasks = f"/proc/{self.process.pid}/task"
        while not all(state(f"{tasks}/{task}") in "TDtX" for task in os.listdir(tasks)):
            time.sleep(0.001)


def state(task):
    """Returns the letter of a thread's state."""
    try:
        with open(f"{task}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return "X"
