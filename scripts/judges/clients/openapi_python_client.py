"""What a program does with the client that openapi-python-client makes of the document."""

import sys

sys.path.insert(0, ".")

from shelf_client import Client
from shelf_client.api.books import put_books
from shelf_client.api.people import get_people, patch_people, put_people
from shelf_client.models import (
    BooksItemInput,
    PeopleItem,
    PeopleItemInput,
    PeopleItemMergePatch,
    PeoplePostalAddressInput,
    PeoplePostalAddressMergePatch,
    PeopleRole,
    Problem404,
    Problem412,
    Problem422,
    Problem428,
)
from shelf_client.models.problem_422_type import Problem422Type

client = Client(base_url=sys.argv[1], raise_on_unexpected_status=True)
# An id may hold slashes; the client has to write them as %2F.
path = "clients/python client"


def expect(answer, status, kind):
    assert answer.status_code == status, answer
    assert isinstance(answer.parsed, kind), answer.parsed
    return answer.parsed


ada = PeopleItemInput(name="Ada", address=PeoplePostalAddressInput(town="London", country="GB"))
created = put_people.sync_detailed(path, client=client, body=ada, prefer="return=minimal")
item = expect(created, 201, PeopleItem)
# What is filled in is there, and typed.
assert (item.role, item.former, item.contact) == (PeopleRole.READER, [], None), item
etag = created.headers["etag"]

ada.role = PeopleRole.WRITER
updated = expect(put_people.sync_detailed(path, client=client, body=ada, if_match=etag), 200, PeopleItem)
assert updated.role is PeopleRole.WRITER, updated

missing = expect(get_people.sync_detailed("nobody", client=client), 404, Problem404)
assert missing.type_ == "/problems#no-such-item", missing

stale = PeopleItemInput(name="Somebody else")
failed = put_people.sync_detailed(path, client=client, body=stale, if_match=etag)
assert expect(failed, 412, Problem412).status == 412

invalid = put_people.sync_detailed(path, client=client, body=PeopleItemInput(name=""))
problem = expect(invalid, 422, Problem422)
assert problem.type_ is Problem422Type.INVALID_ITEM, problem
assert [place.pointer for place in problem.errors] == ["/name"], problem

change = PeopleItemMergePatch(role=None, address=PeoplePostalAddressMergePatch(town="Paris"))
patched = expect(patch_people.sync_detailed(path, client=client, body=change), 200, PeopleItem)
assert (patched.role, patched.address.town, patched.address.country) == (PeopleRole.READER, "Paris", "GB")

demanded = put_books.sync_detailed("b", client=client, body=BooksItemInput(title="Emma"))
expect(demanded, 428, Problem428)
print("openapi-python-client: create, update, 404, 412, 422, merge patch")
