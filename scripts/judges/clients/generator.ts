// What a program does with the client that openapi-generator makes of the document for TypeScript.
import { Configuration, PeopleApi, Problem422FromJSON, ResponseError } from "./generator_typescript";
import type { PeopleItemInput, PeopleItemMergePatch } from "./generator_typescript";
import { address, check } from "./check";

const people = new PeopleApi(new Configuration({ basePath: address }));
const id = "generator typescript";

/** Returns the answer that a call fails with. */
async function failure(call: Promise<unknown>): Promise<Response> {
  const error: unknown = await call.then(() => new Error("it succeeded"), (error: unknown) => error);
  if (error instanceof ResponseError) {
    return error.response;
  }
  throw error;
}

const ada: PeopleItemInput = { name: "Ada", address: { town: "London", country: "GB" } };
const created = await people.putPeopleRaw({ id, peopleItemInput: ada });
check(created.raw.status, 201);
const item = await created.value();
check(item?.role, "reader");
check(item?.former.length, 0);
const ifMatch = created.raw.headers.get("etag") ?? "";

const updated = await people.putPeopleRaw({ id, ifMatch, peopleItemInput: { ...ada, role: "writer" } });
check(updated.raw.status, 200);
check((await updated.value())?.role, "writer");

check((await failure(people.getPeople({ id: "nobody" }))).status, 404);
const stale = { id, ifMatch, peopleItemInput: { name: "Somebody else" } };
check((await failure(people.putPeople(stale))).status, 412);
const invalid = await failure(people.putPeople({ id, peopleItemInput: { name: "" } }));
check(invalid.status, 422);
const problem = Problem422FromJSON(await invalid.json());
check(problem.type, "/problems#invalid-item");
check(problem.errors?.[0]?.pointer, "/name");

const peopleItemMergePatch: PeopleItemMergePatch = { role: null, address: { town: "Paris" } };
const patched = await people.patchPeople({ id, peopleItemMergePatch });
check(patched?.role, "reader");
check(patched?.address?.country, "GB");
console.log("openapi-generator (typescript-fetch): create, update, 404, 412, 422, merge patch");
