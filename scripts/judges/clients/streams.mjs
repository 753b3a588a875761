// Sends many lines by what Node has: fetch, which reads when it has sent, and http, which does both at the same time.
import http from "node:http";
import readline from "node:readline";
import { Readable } from "node:stream";

const url = `${process.argv[2]}/items:bulk`;
const count = Number(process.argv[3]);

function* lines() {
  for (let number = 0; number < count; number++) {
    yield `${JSON.stringify({ id: `node-${String(number).padStart(7, "0")}`, item: { size: number } })}\n`;
  }
}

function check(client, status, { summary }, outcomes) {
  if (status !== 207 || summary.lines !== count || summary.failed !== 0) {
    throw new Error(`${client}: ${status} ${JSON.stringify(summary)}`);
  }
  console.log(`${client}: ${count} lines, ${outcomes} outcomes`);
}

const fetched = await fetch(url, {
  method: "POST",
  duplex: "half",
  body: Readable.toWeb(Readable.from(lines())).pipeThrough(new TextEncoderStream()),
  headers: { "Content-Type": "application/jsonl", Prefer: "return=minimal" },
});
check("fetch", fetched.status, JSON.parse((await fetched.text()).trim().split("\n").at(-1)), 0);

await new Promise((done, failed) => {
  const headers = { "Content-Type": "application/jsonl" };
  const request = http.request(url, { method: "POST", headers }, async (answer) => {
    let [number, last] = [0, {}];
    for await (const line of readline.createInterface({ input: answer })) {
      last = JSON.parse(line);
      number++;
      if (last.summary === undefined && last.line !== number) {
        failed(new Error(`line ${number} is out of order: ${line}`));
      }
    }
    check("http", answer.statusCode, last, number - 1);
    done();
  });
  request.on("error", failed);
  Readable.from(lines()).pipe(request);
});
