"""What a program does with the client that openapi-generator makes of the document for Python."""

import sys

sys.path.insert(0, "generator_python")

import openapi_client as shelf
from openapi_client.exceptions import ApiException

client = shelf.ApiClient(shelf.Configuration(host=sys.argv[1]))
people = shelf.PeopleApi(client)
name = "generator python"


def failure(call, *arguments, **options):
    """Returns the status of a call that fails, and the problem that it is answered with."""
    try:
        call(*arguments, **options)
    except ApiException as error:
        return error.status, error.data
    raise AssertionError("it succeeded")


ada = shelf.PeopleItemInput(name="Ada", address=shelf.PeoplePostalAddressInput(town="London", country="GB"))
created = people.put_people_with_http_info(name, ada)
assert created.status_code == 201, created
assert (created.data.role, created.data.former, created.data.contact) == ("reader", [], None), created.data
etag = {name.lower(): value for name, value in created.headers.items()}["etag"]

ada.role = shelf.PeopleRole.WRITER
updated = people.put_people_with_http_info(name, ada, if_match=etag)
assert (updated.status_code, updated.data.role) == (200, shelf.PeopleRole.WRITER), updated

status, problem = failure(people.get_people, "nobody")
assert (status, problem.type) == (404, "/problems#no-such-item"), problem
assert isinstance(problem, shelf.Problem404), problem
status, problem = failure(people.put_people, name, shelf.PeopleItemInput(name="Somebody else"), if_match=etag)
assert status == 412 and isinstance(problem, shelf.Problem412), problem

# The client checks what it can itself, so the name is emptied behind its back.
nameless = shelf.PeopleItemInput.model_construct(name="")
status, problem = failure(people.put_people, name, nameless)
assert (status, problem.type) == (422, "/problems#invalid-item"), problem
assert [place.pointer for place in problem.errors] == ["/name"], problem

change = shelf.PeopleItemMergePatch(role=None, address=shelf.PeoplePostalAddressMergePatch(town="Paris"))
patched = people.patch_people(name, change)
assert (patched.role, patched.address.town, patched.address.country) == ("reader", "Paris", "GB"), patched
print("openapi-generator (python): create, update, 404, 412, 422, merge patch")
