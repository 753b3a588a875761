// What a program does with openapi-fetch and the types that openapi-typescript makes of the document.
import createClient from "openapi-fetch";
import type { components, paths } from "./openapi";
import { address, check } from "./check";

const client = createClient<paths>({ baseUrl: address });
// An id may hold slashes; the client has to write them as %2F.
const id = "clients/openapi-fetch";
const params = { path: { id } };

const ada: components["schemas"]["PeopleItemInput"] = { name: "Ada", address: { town: "London", country: "GB" } };
const created = await client.PUT("/people/{id}", { params, body: ada });
check(created.response.status, 201);
// What is filled in is there: it is required in what is returned.
const role: "reader" | "writer" | undefined = created.data?.role;
check(role, "reader");
check(created.data?.former.length, 0);
const etag = created.response.headers.get("etag") ?? "";

const conditional = { ...params, header: { "If-Match": etag } };
const updated = await client.PUT("/people/{id}", { params: conditional, body: { ...ada, role: "writer" } });
check(updated.response.status, 200);
check(updated.data?.role, "writer");

const missing = await client.GET("/people/{id}", { params: { path: { id: "nobody" } } });
check(missing.response.status, 404);
check(missing.error?.type, "/problems#no-such-item");

const failed = await client.PUT("/people/{id}", { params: conditional, body: { name: "Somebody else" } });
check(failed.response.status, 412);

const invalid = await client.PUT("/people/{id}", { params, body: { name: "" } });
check(invalid.response.status, 422);
// The status tells the problems apart, and then the type.
const problem = invalid.error;
if (problem?.status === 422) {
  const kinds: "/problems#invalid-item" | "/problems#invalid-schema" | "/problems#idempotency-key-reused" | "/problems#order-kind-mixed" = problem.type;
  check(kinds, "/problems#invalid-item");
  check(problem.errors?.[0]?.pointer, "/name");
} else {
  throw new Error("a problem of another status");
}

const change: components["schemas"]["PeopleItemMergePatch"] = { role: null, address: { town: "Paris" } };
const headers = { "Content-Type": "application/merge-patch+json" };
const patched = await client.PATCH("/people/{id}", { params, body: change, headers });
check(patched.response.status, 200);
check(patched.data?.role, "reader");
check(patched.data?.address?.country, "GB");

// A JSON Patch is typed by `op`.
const operations: components["schemas"]["JsonPatch"] = [
  { op: "test", path: "/name", value: "Ada" },
  // @ts-expect-error a removal has no value to move from
  { op: "move", path: "/name" },
];
check(operations.length, 2);
console.log("openapi-typescript + openapi-fetch: create, update, 404, 412, 422, merge patch");
