"""Sends bodies that are refused early, each followed by a request that is not: LIBRARY URL TYPE SIZE ROUNDS KEY.

Prints the two statuses of each round.
"""

import asyncio
import http.client
import sys
from urllib.parse import urlsplit

library, url, media_type, size, rounds, key = sys.argv[1:]
body, rounds = b" " * int(size), int(rounds)
refused = {"Content-Type": media_type}
sound = {"Content-Type": "application/json", "Authorization": f"Bearer {key}"}
# What is refused for its type or size has the key, and what is refused for the want of it has not.
if media_type != "without-key":
    refused["Authorization"] = sound["Authorization"]
else:
    refused["Content-Type"] = "application/json"
path = "/items/python"


def with_http_client():
    for _ in range(rounds):
        connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=20)
        for content, headers in ((body, refused), (b"{}", sound)):
            connection.request("PUT", path, content, headers)
            answer = connection.getresponse()
            answer.read()
            print(answer.status)
        connection.close()


def with_requests():
    import requests

    for _ in range(rounds):
        with requests.Session() as session:
            for content, headers in ((body, refused), (b"{}", sound)):
                print(session.put(url + path, data=content, headers=headers, timeout=20).status_code)


def with_httpx():
    import httpx

    for _ in range(rounds):
        with httpx.Client(timeout=20) as client:
            for content, headers in ((body, refused), (b"{}", sound)):
                print(client.put(url + path, content=content, headers=headers).status_code)


async def with_aiohttp():
    import aiohttp

    for _ in range(rounds):
        async with aiohttp.ClientSession() as session:
            for content, headers in ((body, refused), (b"{}", sound)):
                async with session.put(url + path, data=content, headers=headers) as answer:
                    await answer.read()
                    print(answer.status)


match library:
    case "http.client":
        with_http_client()
    case "requests":
        with_requests()
    case "httpx":
        with_httpx()
    case "aiohttp":
        asyncio.run(with_aiohttp())
