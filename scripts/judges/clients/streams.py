"""Sends many lines by what Python has: requests, which reads nothing before it has sent everything, and httpx."""

import json
import sys

import httpx
import requests

URL = sys.argv[1] + "/items:bulk"
LINES = int(sys.argv[2])
# What reads nothing before it has sent everything asks for failures alone.
HEADERS = {"Content-Type": "application/jsonl", "Prefer": "return=minimal"}


def lines():
    for number in range(LINES):
        yield json.dumps({"id": f"python-{number:07}", "item": {"size": number}}).encode() + b"\n"


def check(client, status, text):
    summary = json.loads(text.splitlines()[-1])["summary"]
    written = summary["created"] + summary["unchanged"]
    assert (status, summary["lines"], written) == (207, LINES, LINES), (client, status, summary)
    print(f"{client}: {LINES} lines")


whole = requests.post(URL, data=b"".join(lines()), headers=HEADERS)
check("requests, whole", whole.status_code, whole.text)
streamed = requests.post(URL, data=lines(), headers=HEADERS)
check("requests, a generator", streamed.status_code, streamed.text)
with httpx.Client(timeout=60) as client:
    with client.stream("POST", URL, content=lines(), headers=HEADERS) as answer:
        check("httpx, a generator", answer.status_code, answer.read().decode())

exported = httpx.get(sys.argv[1] + "/items:export").text.splitlines()
assert json.loads(exported[-1])["end"]["items"] == len(exported) - 1 >= LINES, exported[-1]
