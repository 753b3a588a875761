"""Asserts of an OpenAPI document what generated clients need and the contract promises.

Every operation has at most one type of success body and one of error body, and lists each status
by itself: no `default`, no ranges. A client generated from it handles every answer, with one type
for success and one for failure.
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
    faults = [fault for name, operation in operations for fault in judge(name, operation)]
    ids = [operation.get("operationId") for _, operation in operations]
    faults += [f"the operation id {id} is missing or taken" for id in ids if ids.count(id) > 1 or not id]
    if not operations:
        faults.append("the document has no operations")
    for fault in faults:
        print(fault, file=sys.stderr)
    print(f"{len(operations)} operations, {len(faults)} faults")
    return 1 if faults else 0


def judge(name, operation):
    bodies = {"success": set(), "error": set()}
    for status, answer in operation["responses"].items():
        if not (status.isdigit() and len(status) == 3):
            yield f"{name} answers with `{status}`, which is not a status"
            continue
        kind = "error" if status >= "400" else "success"
        for media_type, media in answer.get("content", {}).items():
            bodies[kind].add((media_type, json.dumps(media.get("schema"), sort_keys=True)))
    for kind, types in bodies.items():
        if len(types) > 1:
            yield f"{name} has {len(types)} types of {kind} body: {sorted(types)}"


sys.exit(main(*sys.argv[1:]))
