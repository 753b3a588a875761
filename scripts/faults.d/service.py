"""The service under test, as a process."""

import json
import os
import signal
import subprocess
import time

START_SECONDS_MAX = 60
STOP_SECONDS_MAX = 30
MESSAGE_CHARACTERS_MAX = 400


class Refused(Exception):
    """The service did not start; the message is the end of its log."""


class Service:
    """The binary on one data directory. It can be started again and again, and dies with the run."""

    def __init__(self, rig, data):
        self.binary, self.data, self.tally = rig.binary, data, rig.tally
        # Not beside the data: the log has to be written when their disk fails.
        self.log = f"{rig.work}/{os.path.basename(data)}.log"
        self.process, self.address = None, None
        self.listens = False
        rig.cleanup.callback(self.kill)

    def is_running(self):
        """Tells whether there is a process that has not been ended."""
        return self.process is not None

    def launch(self):
        """Starts the process, and does not wait until it listens."""
        self.listens = False
        command = [self.binary, "--listen", "127.0.0.1:0", "--log-format", "json"]
        command += ["--store", f"file:{self.data}"]
        with open(self.log, "wb") as log:
            # The kernel kills the service when this process ends, however it ends.
            self.process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *command],
                stdout=log,
                stderr=log,
                # Ctrl-C is for the rig alone.
                start_new_session=True,
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
                raise Refused(self.last_words()[:MESSAGE_CHARACTERS_MAX])
            if time.monotonic() > end:
                self.kill()
                raise Refused(f"it does not listen after {START_SECONDS_MAX} s")
            time.sleep(0.005)
        self.address, self.listens = address, True

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
            self.expect_running()
            self.process.kill()
            self.process.wait()
            self.process = None

    def stop(self):
        """Asks the process to end, and returns whether it did so in good order."""
        if not self.process:
            return False
        self.expect_running()
        self.process.terminate()
        try:
            code = self.process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self.kill()
            return False
        self.process = None
        return code == 0

    def expect_running(self):
        """Reports a service that has ended though it was not told to."""
        if self.listens and (code := self.process.poll()) is not None:
            self.listens = False
            self.tally.find("wrong", f"the service ended by itself ({code}): {self.last_words()}")

    def freeze(self):
        """Stops all threads where they are: nothing is answered any more.

        A thread that waits for the disk stops before it is back from the kernel.
        """
        self.expect_running()
        os.kill(self.process.pid, signal.SIGSTOP)
        tasks = f"/proc/{self.process.pid}/task"
        while not all(state(f"{tasks}/{task}") in "TDtXZ" for task in os.listdir(tasks)):
            time.sleep(0.001)


def state(task):
    """Returns the letter of a thread's state."""
    try:
        with open(f"{task}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return "X"
