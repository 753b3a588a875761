"""What OpenAPI cannot say, so that schemathesis has to be told.

Every check is on. A failure is dropped only if the answer is exactly one of those described below;
schemathesis prints how many were dropped.
"""

import json
import re
from unicodedata import category
from urllib.parse import parse_qs, unquote, urlsplit

import schemathesis
from schemathesis.core.failures import AcceptedNegativeData
from schemathesis.openapi.checks import RejectedPositiveData, UseAfterFree


LINES = ("application/jsonl", "application/x-ndjson")


@schemathesis.hook
def before_load_schema(context, raw_schema):
    """A stream is a list of lines, whose schema is in an extension: OpenAPI 3.1 has no word for it."""
    for body in raw_schema["components"]["requestBodies"].values():
        for media in body["content"].values():
            if "x-itemSchema" in media:
                media["schema"] = {"type": "array", "items": media["x-itemSchema"]}


@schemathesis.serializer(*LINES)
def serialize_lines(context, value):
    """One line an element; what is no list is one line."""
    lines = value if isinstance(value, list) else [value]
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


@schemathesis.hook
def filter_failure(context, failure, case, response):
    """Tells whether a failure counts."""
    if isinstance(failure, RejectedPositiveData):
        return not is_wrong_in_a_way_no_document_tells(response)
    if isinstance(failure, AcceptedNegativeData):
        # A stream is not refused for its lines: each is answered by a line.
        if response.status_code == 207:
            return False
        # The preconditions of a PATCH are judged before its content is (RFC 9110, section 13.2.1).
        is_patch = response.request.method == "PATCH"
        return not (is_patch and response.status_code == 412 and is_conditional(response.request))
    if isinstance(failure, UseAfterFree):
        # OPTIONS tells which methods a path takes, not whether an item is there.
        return response.request.method != "OPTIONS"
    return True


def is_wrong_in_a_way_no_document_tells(response):
    """A request that is valid by the document, and refused for the service's state or for a rule
    that JSON Schema cannot express. Schemathesis knows 404 and 409 by itself, but not these.
    """
    request = response.request
    conditional = is_conditional(request)
    match response.status_code:
        case 412:
            # Whether a precondition holds depends on the item.
            return conditional
        case 428:
            # That one of two fields is required cannot be said of parameters.
            return not conditional and request.method in ("PUT", "PATCH", "DELETE")
        case 422:
            match problem_of(response)["type"]:
                case "/problems#invalid-item":
                    # Whether what a patch makes satisfies the schema depends on what is patched.
                    return request.method == "PATCH"
                case "/problems#invalid-schema":
                    # Whether an object is a JSON Schema is said by the metaschema, which no document
                    # refers to.
                    return True
                case "/problems#idempotency-key-reused":
                    # A key stands for one request, and schemathesis sends one key with many.
                    return "idempotency-key" in fields_of(request)
                case "/problems#order-kind-mixed":
                    # Whether a token can be compared depends on the one that the item has.
                    return "shelf-order" in fields_of(request)
        case 400:
            url = urlsplit(request.url)
            return (
                has_a_cursor(url)
                or has_an_illegal_id(url)
                or has_a_reserved_name(url, response)
                or has_an_illegal_tag(request)
                or has_an_impossible_time(response)
                or has_a_noncharacter(response)
            )
    return False


def is_conditional(request):
    return bool(fields_of(request) & {"if-match", "if-none-match"})


def fields_of(request):
    """The names of the header fields, in lower case."""
    return {name.lower() for name in request.headers}


def has_a_cursor(url):
    """A cursor is opaque: only those that the service made are valid."""
    return "after" in parse_qs(url.query, keep_blank_values=True)


def has_a_reserved_name(url, response):
    """Some names are the service's own paths. A pattern that left them out would need a look-ahead."""
    return url.path.startswith("/collections/") and "the service needs that name" in str(
        problem_of(response).get("detail")
    )


def has_an_illegal_id(url):
    """An id, or the beginning of one, is measured in bytes, which JSON Schema cannot do. And now and then schemathesis draws
    a control character (U+0080 to U+009F) although the pattern in the document excludes it.
    """
    query = parse_qs(url.query)
    ids = [unquote(url.path.rsplit("/", 1)[-1]), *query.get("from", []), *query.get("prefix", [])]
    return any(
        len(item_id.encode()) > 128 or any(category(letter) == "Cc" for letter in item_id)
        for item_id in ids
    )


def has_an_impossible_time(response):
    """That there is no 30th of February, and no time before the year 0, a pattern cannot say."""
    detail = str(problem_of(response).get("detail"))
    return "Shelf-Order" in detail and ("no such time" in detail or "before the year 0" in detail)


def has_an_illegal_tag(request):
    """Between its phases schemathesis draws `0` for a conditional field, and takes it for valid
    although the pattern in the document excludes it.
    """
    tag = r'(?:W/)?"[!#-~]*"'
    pattern = re.compile(rf"\*|{tag}(?:, ?{tag})*")
    fields = (request.headers.get(name) for name in ("If-Match", "If-None-Match"))
    return any(field is not None and not pattern.fullmatch(text_of(field)) for field in fields)


def text_of(field):
    """The value of a field, which is bytes where schemathesis made it so."""
    return field.decode("latin-1") if isinstance(field, bytes) else field


def has_a_noncharacter(response):
    """Strict JSON (RFC 7493, section 2.1) has no noncharacters in strings, JSON Schema has them."""
    problem = problem_of(response)
    return problem.get("type") == "/problems#malformed-body" and all(
        place["detail"].startswith("noncharacter U+") for place in problem["errors"]
    )


def problem_of(response):
    """The body; an answer to HEAD has none."""
    return json.loads(response.content) if response.content else {}
