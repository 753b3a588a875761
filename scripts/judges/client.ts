// What a program that uses the generated types relies on. It is compiled, never run.
import type { components, operations, paths } from "./openapi";

type Answers<Id extends keyof operations> = operations[Id]["responses"];
type Body<Answer> = Answer extends { content: infer Content } ? Content[keyof Content] : never;
/** The bodies of the answers with one of these statuses. */
type Bodies<Id extends keyof operations, Status> = {
  [S in keyof Answers<Id>]: S extends Status ? Body<Answers<Id>[S]> : never;
}[keyof Answers<Id>];

type Success = 200 | 201 | 207;
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function holds<_Claim extends true>() {}

type Schemas = components["schemas"];
type Item = Schemas["Item"];

// A put has one type for success, whether it created or updated.
holds<Same<Bodies<"put_item", Success>, Item>>();
holds<Same<Bodies<"create_item", Success>, Item>>();
holds<Same<Bodies<"patch_item", Success>, Item>>();
holds<Same<Bodies<"get_item", Success>, Item>>();
holds<Same<Bodies<"get_item", 404>, Schemas["Problem404"]>>();

// The failures of every operation are problems, which their status and type tell apart.
type Failures<Id extends keyof operations> = Bodies<Id, Exclude<keyof Answers<Id>, Success | 204 | 304>>;
type AllFailures = { [Id in keyof operations]: Failures<Id> }[keyof operations];
holds<AllFailures extends { type: `/problems#${string}`; status: number; detail: string } ? true : false>();
type Invalid = Extract<Failures<"put_item">, { status: 422 }>["type"];
holds<Same<Invalid, "/problems#invalid-item" | "/problems#invalid-schema" | "/problems#idempotency-key-reused" | "/problems#order-kind-mixed">>();

// What is filled in is required in what is returned, and may be absent in what is sent.
holds<Same<Schemas["BooksItem"]["tags"], string[]>>();
holds<Same<Schemas["BooksItemInput"]["tags"], string[] | undefined>>();

// Statuses are numbers of their own: an unlisted one does not compile.
holds<Same<Extract<keyof paths["/items/{id}"]["put"]["responses"], string>, never>>();

export const item: Item = { name: "Fighters", size: 6 };
