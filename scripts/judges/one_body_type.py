"""Asserts of an OpenAPI document what generated clients need and the contract promises.

Every operation has at most one type of success body. Its errors are problems, with one type for each
status that lists the problems there are. Each status is listed by itself: no `default`, no ranges. A
client generated from the document handles every answer, with one type for success.
"""

import json
import sys

METHODS = {"get", "put", "post", "delete", "options", "head", "patch", "trace"}


def main(path):
    with open(path, encoding="utf-8") as file:
        document = json.load(file)
    operations = [
        (f"{method.upper()} {template}", operation)
        for template, item in document["paths"].items()
        for method, operation in item.items()
        if method in METHODS
    ]
    faults = [fault for name, operation in operations for fault in judge(document, name, operation)]
    ids = [operation.get("operationId") for _, operation in operations]
    faults += [f"the operation id {id} is missing or taken" for id in ids if ids.count(id) > 1 or not id]
    if not operations:
        faults.append("the document has no operations")
    for fault in faults:
        print(fault, file=sys.stderr)
    print(f"{len(operations)} operations, {len(faults)} faults")
    return 1 if faults else 0


def judge(document, name, operation):
    bodies = set()
    for status, answer in operation["responses"].items():
        if not (status.isdigit() and len(status) == 3):
            yield f"{name} answers with `{status}`, which is not a status"
            continue
        for media_type, media in resolve(document, answer).get("content", {}).items():
            if "x-itemSchema" in media:
                # Lines have two media types, and one meaning.
                bodies.add(("lines", json.dumps(media["x-itemSchema"], sort_keys=True)))
            elif status < "400":
                bodies.add((media_type, json.dumps(media.get("schema"), sort_keys=True)))
            else:
                yield from judge_problem(document, f"{name} {status}", media_type, media)
    if len(bodies) > 1:
        yield f"{name} has {len(bodies)} types of success body: {sorted(bodies)}"


def judge_problem(document, name, media_type, media):
    schema = resolve(document, media["schema"])
    known = schema["properties"]
    if media_type != "application/problem+json":
        yield f"{name} is no problem, but {media_type}"
    if known["status"]["const"] != int(name.rsplit(" ", 1)[1]):
        yield f"{name} is a problem of another status"
    listed = {resolve(document, example)["value"]["type"] for example in media["examples"].values()}
    if not listed or not listed <= set(known["type"]["enum"]):
        yield f"{name} has problems that its type does not list: {sorted(listed)}"


def resolve(document, value):
    while "$ref" in value:
        target = value["$ref"].removeprefix("#/").split("/")
        value = document
        for name in target:
            value = value[name]
    return value


sys.exit(main(*sys.argv[1:]))
