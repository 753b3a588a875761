// What a program does with the client that orval makes of the document.
import { getPeople, patchPeople, putPeople } from "./orval_client";
import type { PeopleItemInput, PeopleItemMergePatch } from "./orval_client";
import { address, check } from "./check";

// The client asks for paths, as in a page of the service itself.
const { fetch } = globalThis;
globalThis.fetch = (path, options) => fetch(`${address}${String(path)}`, options);
const id = "orval";

const ada: PeopleItemInput = { name: "Ada", address: { town: "London", country: "GB" } };
const created = await putPeople(id, ada);
if (created.status !== 201) {
  throw new Error(`it was answered ${created.status}`);
}
check(created.data.role, "reader");
check(created.data.former.length, 0);
const headers = { "If-Match": created.headers.get("etag") ?? "" };

const updated = await putPeople(id, { ...ada, role: "writer" }, { headers });
if (updated.status !== 200) {
  throw new Error(`it was answered ${updated.status}`);
}
check(updated.data.role, "writer");

const missing = await getPeople("nobody");
if (missing.status !== 404) {
  throw new Error(`it was answered ${missing.status}`);
}
check(missing.data.type, "/problems#no-such-item");

const failed = await putPeople(id, { name: "Somebody else" }, { headers });
check(failed.status, 412);

const invalid = await putPeople(id, { name: "" });
if (invalid.status !== 422) {
  throw new Error(`it was answered ${invalid.status}`);
}
check(invalid.data.type, "/problems#invalid-item");
check(invalid.data.errors?.[0]?.pointer, "/name");

const change: PeopleItemMergePatch = { role: null, address: { town: "Paris" } };
const patched = await patchPeople(id, change);
if (patched.status !== 200) {
  throw new Error(`it was answered ${patched.status}`);
}
check(patched.data.role, "reader");
check(patched.data.address?.country, "GB");
console.log("orval: create, update, 404, 412, 422, merge patch");
