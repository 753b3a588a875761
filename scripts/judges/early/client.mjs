// Sends bodies that are refused early, each followed by a request that is not: URL TYPE SIZE ROUNDS KEY.
// Prints the two statuses of each round.
const [url, type, size, rounds, key] = process.argv.slice(2);
const body = Buffer.alloc(Number(size), " ");
const authorization = `Bearer ${key}`;
const sound = { "content-type": "application/json", authorization };
const refused = type === "without-key"
  ? { "content-type": "application/json" }
  : { "content-type": type, authorization };
for (let round = 0; round < Number(rounds); round += 1) {
  for (const [content, headers] of [[body, refused], ["{}", sound]]) {
    const answer = await fetch(`${url}/items/node`, { method: "PUT", headers, body: content });
    await answer.text();
    console.log(answer.status);
  }
}
