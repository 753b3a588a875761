// What a program does with the client that @hey-api/openapi-ts makes of the document.
import { getPeople, patchPeople, putPeople } from "./hey";
import { client } from "./hey/client.gen";
import type { PeopleItemInput, PeopleItemMergePatch } from "./hey";
import { address, check } from "./check";

client.setConfig({ baseUrl: address });
// An id may hold slashes; the client has to write them as %2F.
const path = { id: "clients/hey-api" };

const ada: PeopleItemInput = { name: "Ada", address: { town: "London", country: "GB" } };
const created = await putPeople({ path, body: ada });
check(created.response?.status, 201);
const role: "reader" | "writer" | undefined = created.data?.role;
check(role, "reader");
check(created.data?.former.length, 0);
const etag = created.response?.headers.get("etag") ?? "";

const headers = { "If-Match": etag };
const updated = await putPeople({ path, headers, body: { ...ada, role: "writer" } });
check(updated.response?.status, 200);
check(updated.data?.role, "writer");

const missing = await getPeople({ path: { id: "nobody" } });
check(missing.response?.status, 404);
check(missing.error?.type, "/problems#no-such-item");

const failed = await putPeople({ path, headers, body: { name: "Somebody else" } });
check(failed.response?.status, 412);

const invalid = await putPeople({ path, body: { name: "" } });
check(invalid.response?.status, 422);
const problem = invalid.error;
if (problem?.status === 422) {
  const kinds: "/problems#invalid-item" | "/problems#invalid-schema" | "/problems#idempotency-key-reused" | "/problems#order-kind-mixed" = problem.type;
  check(kinds, "/problems#invalid-item");
  check(problem.errors?.[0]?.pointer, "/name");
} else {
  throw new Error("a problem of another status");
}

const change: PeopleItemMergePatch = { role: null, address: { town: "Paris" } };
const patched = await patchPeople({ path, body: change });
check(patched.response?.status, 200);
check(patched.data?.role, "reader");
check(patched.data?.address?.country, "GB");
console.log("@hey-api/openapi-ts: create, update, 404, 412, 422, merge patch");
