"""A connection to the service, and what its answers say about a write."""

import http.client
import json
import urllib.parse
from dataclasses import dataclass

TIMEOUT_SECONDS = 40
"""Longer than the service's own limit for a request, which is 30 s."""

UNKNOWN = {"/problems#outcome-unknown", "/problems#timed-out", "/problems#store-failed"}
"""Problems that leave open whether the write happened; others say that nothing was written."""


class ConnectionLost(Exception):
    """The connection ended before the answer was there."""


@dataclass
class Answer:
    """An answer with its body."""

    status: int
    fields: http.client.HTTPMessage
    body: bytes

    def is_success(self):
        """Tells whether the request was done."""
        return 200 <= self.status < 300

    def problem(self):
        """Returns the type of the problem, or what is there in its place."""
        try:
            return json.loads(self.body)["type"]
        except (ValueError, KeyError, TypeError):
            return f"{self.status} {self.body[:200]!r}"

    def leaves_write_open(self):
        """Tells whether a write that was not acknowledged may have happened all the same."""
        if self.status < 500:
            return False
        return self.status == 500 or self.problem() in UNKNOWN


def target(item):
    """Returns the path of an item."""
    return "/items/" + urllib.parse.quote(item, safe="")


class Client:
    """One connection, which is made when it is needed."""

    def __init__(self, address):
        host, _, port = address.rpartition(":")
        self.connection = http.client.HTTPConnection(host, int(port), timeout=TIMEOUT_SECONDS)

    def request(self, method, path, body=None, fields=None):
        """Sends a request and waits for its answer.

        Raises ConnectionLost if there is none.
        """
        fields = dict(fields or {})
        if body is not None:
            fields.setdefault("Content-Type", "application/json")
        try:
            self.connection.request(method, path, body=body, headers=fields)
            response = self.connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        except (OSError, http.client.HTTPException) as error:
            self.connection.close()
            raise ConnectionLost(str(error)) from error

    def close(self):
        """Closes the connection."""
        self.connection.close()
