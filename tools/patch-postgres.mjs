// Mends two faults of the PostgreSQL driver (postgres 3.4.9, src/connection.js) that a lost connection meets; the build runs it on what is
// installed. Repeating it changes nothing. It fails when the driver is another one than it was written for: then look whether the faults are
// still there, and take this file away with them.
//
// - A query on a connection whose socket has gone (the rollback of a transaction that lost its connection is one) throws from a timer, which
//   ends the process (porsager/postgres#1154, #1208). It must fail like any other query on a lost connection.
// - A connection that is lost while a small write waits for its timer never writes a small message again (same file, both ways of closing
//   clear the timer but not the mark that one is set): every later query on it hangs.
import { readFileSync, writeFileSync } from "node:fs";

const folder = "node_modules/postgres";
const file = `${folder}/src/connection.js`;
const written = "3.4.9";

const changes = [
  [
    "    const x = socket.write(chunk, fn)\n",
    "    if (socket === null) { chunk = nextWriteTimer = null; error(Errors.connection('CONNECTION_CLOSED', options, socket)); return false }\n    const x = socket.write(chunk, fn)\n",
  ],
  [
    "    clearImmediate(nextWriteTimer)\n    if (socket) {\n",
    "    clearImmediate(nextWriteTimer); chunk = nextWriteTimer = null\n    if (socket) {\n",
  ],
  [
    "    clearImmediate(nextWriteTimer)\n    socket.removeListener('data', data)\n",
    "    clearImmediate(nextWriteTimer); chunk = nextWriteTimer = null\n    socket.removeListener('data', data)\n",
  ],
];

const { version } = JSON.parse(readFileSync(`${folder}/package.json`, "utf8"));
if (version !== written)
  throw new Error(`postgres is ${version}, and tools/patch-postgres.mjs was written for ${written}`);
let text = readFileSync(file, "utf8");
for (const [before, after] of changes) {
  if (text.includes(after)) continue;
  if (text.split(before).length !== 2) throw new Error(`${file} is not as tools/patch-postgres.mjs expects it`);
  text = text.replace(before, after);
}
writeFileSync(file, text);
