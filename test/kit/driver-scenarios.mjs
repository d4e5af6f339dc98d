/**
 * One scenario for each mend of the PostgreSQL driver: `node driver-scenarios.mjs DRIVER_FOLDER SCENARIO DATABASE_URL`
 * prints the result as JSON. It is a process of its own, because without their mend some scenarios end the process and
 * some keep it running.
 */
import { once } from "node:events";
import { connect, createServer, Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";

const [folder, name, url] = process.argv.slice(2);

/** Returns a message of the PostgreSQL protocol 3.0. */
const message = (type, ...parts) => {
  const body = Buffer.concat(parts.map((part) => Buffer.from(part)));
  const header = Buffer.alloc(5);
  header.write(type, 0);
  header.writeUInt32BE(4 + body.length, 1);
  return Buffer.concat([header, body]);
};
const int16 = (value) => {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
};
const int32 = (value) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};
const ready = message("Z", "I");
const complete = (tag) => message("C", `${tag}\0`);
const failed = (code, text) => message("E", "SERROR\0", `C${code}\0`, `M${text}\0`, "\0");
/** One text column. */
const columns = message("T", int16(1), "x\0", int32(0), int16(0), int32(25), int16(0), int32(0), int16(0));
const row = (text) => message("D", int16(1), int32(text.length), text);
const greeting = Buffer.concat([message("R", int32(0)), ready]);
const answered = (text) => Buffer.concat([columns, row(text), complete("SELECT 1"), ready]);

/** Starts a server in this process: `greet` is called for each connection, `answer` for each later chunk. */
async function standIn({ greet = (socket) => socket.write(greeting), answer = () => undefined }) {
  let connections = 0;
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    const number = ++connections;
    socket.on("error", () => undefined);
    socket.once("data", () => {
      socket.on("data", (chunk) => answer(socket, chunk, number));
      greet(socket, number);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  server.unref();
  return { url: `postgres://u@127.0.0.1:${server.address().port}/d`, connections: () => connections };
}

/** Returns the first value of a query, or the code of its failure; "nothing" when it takes too long. */
const outcome = (promise) =>
  Promise.race([
    promise.then(
      (rows) => Object.values(rows?.[0] ?? {})[0] ?? (rows?.length === 0 ? "none" : "hole"),
      (error) => `failed: ${error.code ?? error.message}`,
    ),
    sleep(2_000, "nothing", { ref: false }),
  ]);

const ofOne = { max: 1, fetch_types: false, onnotice: () => undefined };

async function killSession(postgres, pid) {
  const admin = postgres(url, ofOne);
  await admin`select pg_terminate_backend(${pid})`;
  while ((await admin`select 1 from pg_stat_activity where pid = ${pid}`).length > 0) await sleep(10);
  await admin.end();
}

const scenarios = {
  async "rows-end-with-their-answer"(postgres) {
    const sql = postgres(url, ofOne);
    await sql`select 1`;
    const failing = outcome(sql`select 1 / (4 - i) from generate_series(1, 10) i`);
    const behind = outcome(sql`select 'here' as x`);
    return [await failing, await behind];
  },

  async "first-statements-are-held"(postgres) {
    const server = await standIn({
      answer: (socket) => socket.write(Buffer.concat([failed("57014", "canceled"), ready])),
    });
    return outcome(postgres(server.url, { max: 1 })`select 1`);
  },

  async "greeting-is-held"(postgres) {
    const server = await standIn({
      greet: (socket) => socket.write(message("R", int32(10), "SCRAM-SHA-256\0\0")),
      answer: (socket) => socket.write(message("R", int32(11), "nonsense")),
    });
    const said = await outcome(postgres(server.url, ofOne)`select 1`);
    return said.startsWith("failed");
  },

  async "session-ends-whole"(postgres) {
    const server = await standIn({
      answer: (socket, _chunk, number) =>
        number === 1 ? socket.end(failed("57P01", "shut down")) : socket.write(answered("well")),
    });
    const sql = postgres(server.url, ofOne);
    const first = await outcome(sql.unsafe("select x"));
    return [first.startsWith("failed"), await outcome(sql.unsafe("select x"))];
  },

  async "nothing-before-the-greeting"(postgres) {
    let closed;
    const gone = new Promise((resolve) => {
      closed = resolve;
    });
    const sql = postgres(url, { ...ofOne, fetch_types: true, onclose: closed });
    const session = await sql.reserve();
    const [{ pid }] = await session`select pg_backend_pid() as pid`;
    await killSession(postgres, pid);
    await gone;
    return (await outcome(session`select 1`)).startsWith("failed");
  },

  async "transaction-stays-on-its-session"(postgres) {
    const sql = postgres(url, ofOne);
    await sql`create table kept (i int)`;
    let ended;
    const transaction = sql.begin(async (held) => {
      const [{ pid }] = await held`select pg_backend_pid() as pid`;
      await held`insert into kept values (1)`;
      await killSession(postgres, pid);
      await sql`select 1`;
      ended = outcome(held`insert into kept values (2)`);
      await ended;
    });
    const said = await outcome(transaction);
    while (!ended) await sleep(10);
    await ended;
    return [said.startsWith("failed"), await outcome(sql`select i from kept`)];
  },

  async "transaction-is-idle-between-messages"(postgres) {
    const { hostname, port } = new URL(url);
    const sent = [];
    const recorded = () => {
      const socket = connect(Number(port), hostname);
      const write = socket.write.bind(socket);
      socket.write = (chunk, ...rest) => sent.push(Buffer.from(chunk)) && write(chunk, ...rest);
      return socket;
    };
    const sql = postgres(url, { ...ofOne, socket: recorded });
    const said = await outcome(sql.begin((held) => held`select ${"inside"}::text as x`));
    const faulty = await outcome(sql.begin((held) => held`select ${1}::nothing_of_this_name`));
    const flush = Buffer.from([72, 0, 0, 0, 4]);
    return [said, faulty, await outcome(sql`select 'behind'`), Buffer.concat(sent).includes(flush)];
  },

  async "begin-reserves"(postgres) {
    const sql = postgres(url, ofOne);
    await sql`select 1`;
    const before = Array.from({ length: 100 }, () => outcome(sql`select 1`));
    const said = await outcome(sql.begin((held) => held`select 'inside'`));
    await Promise.all(before);
    return said;
  },

  async "commit-may-leave-with-the-last-statement"(postgres) {
    const sql = postgres(url, ofOne);
    await sql`create table kept (i int primary key)`;
    const insert = (by, i) => by.unsafe("insert into kept values ($1)", [i], { prepare: true }).execute();
    await insert(sql, 1);
    const failed = await outcome(
      sql.begin(async (held) => {
        await held`insert into kept values (2)`;
        insert(held, 1);
        return [{ said: "done" }];
      }),
    );
    const lost = await outcome(
      sql.begin(async (held) => {
        await held.unsafe("deallocate all");
        insert(held, 3);
        return [{ said: "done" }];
      }),
    );
    return [failed, lost, await outcome(sql`select string_agg(i::text, ' ') from kept`)];
  },

  async "drain-opens-nothing"(postgres) {
    let socket;
    const { hostname, port } = new URL(url);
    const sql = postgres(url, { ...ofOne, socket: () => (socket = connect(Number(port), hostname)) });
    await sql`create table kept (i int)`;
    let other;
    const transaction = sql.begin(async (held) => {
      await held`insert into kept values (1)`;
      other = outcome(sql`insert into kept values (2)`);
      await sleep(10);
      socket.emit("drain");
      await sleep(50);
      throw new Error("undone");
    });
    await outcome(transaction);
    await other;
    return outcome(sql`select i from kept`);
  },

  async "faulty-statement-fails-alone"(postgres) {
    const sql = postgres(url, ofOne);
    await sql`select 1`;
    const all = [
      outcome(sql`select 'before' from pg_sleep(0.05)`),
      outcome(sql.unsafe("select $1", [undefined])),
      outcome(sql`select 'behind'`),
    ];
    return Promise.all(all);
  },

  async "answers-are-whole"(postgres) {
    const answers = {
      nothing: ready,
      "too few": Buffer.concat([columns, complete("SELECT 1"), ready]),
      "no end": Buffer.concat([columns, row("x"), ready]),
      "other columns": Buffer.concat([columns, message("D", int16(0)), complete("SELECT 1"), ready]),
      unasked: Buffer.concat([answered("well"), ready]),
    };
    const found = {};
    for (const [kind, bytes] of Object.entries(answers)) {
      const server = await standIn({
        answer: (socket, _chunk, number) => socket.write(number === 1 ? bytes : answered("well")),
      });
      const sql = postgres(server.url, ofOne);
      found[kind] = [await outcome(sql.unsafe("select x"))];
      await sleep(50);
      found[kind].push(await outcome(sql.unsafe("select x")), server.connections());
    }
    return found;
  },

  async "failed-greeting-fails-its-statement"(postgres) {
    const server = await standIn({ greet: (socket) => socket.end() });
    const said = [
      await outcome(postgres(server.url, ofOne)`select 1`),
      server.connections() > 1 ? "again and again" : 1,
    ];
    const bothGone = postgres("postgres://u@127.0.0.1:1,127.0.0.1:1/d", ofOne);
    const { host, username, pathname } = new URL(url);
    const oneGone = postgres(`postgres://${username}@127.0.0.1:1,${host}${pathname}`, ofOne);
    return [...said, await outcome(bothGone`select 1`), await outcome(oneGone`select 'well'`)];
  },

  async "parameters-stay-as-given"(postgres) {
    const sql = postgres(url, ofOne);
    const ask = () => outcome(sql`select encode(${Buffer.from("digest")}::bytea, 'escape')`);
    const first = await ask();
    await sql.unsafe("deallocate all");
    return [first, await ask()];
  },

  async "failures-leave-no-trace"(postgres) {
    const sql = postgres("postgres://u@127.0.0.1:1/d", ofOne);
    let kept = 0;
    const { set } = Map.prototype;
    Map.prototype.set = function (key, value) {
      if (key?.[0] === "select lost") kept++;
      return set.call(this, key, value);
    };
    for (let failures = 0; failures < 5; failures++) await outcome(sql.unsafe("select lost"));
    return kept;
  },

  // `url` names a standby and its primary.
  async "writers-are-no-standbys"(postgres) {
    const writer = postgres(url, { ...ofOne, target_session_attrs: "read-write" });
    return outcome(writer`select pg_is_in_recovery()`);
  },

  // `url` names a server whose certificate contains its address, but not localhost.
  async "certificate-names-the-host"(postgres) {
    return outcome(postgres(url, { ...ofOne, ssl: "verify-full" })`select 'well'`);
  },

  async "small-writes-leave-at-once"(postgres) {
    let told = false;
    const { setNoDelay } = Socket.prototype;
    Socket.prototype.setNoDelay = function (on) {
      told ||= on;
      return setNoDelay.call(this, on);
    };
    await postgres(url, ofOne)`select 1`;
    return told;
  },

  // Ends when nothing keeps the process running any more.
  async "end-is-final"(postgres) {
    const server = await standIn({ answer: () => undefined });
    const silent = postgres(server.url, ofOne);
    const gone = postgres("postgres://u@127.0.0.1:1/d", { ...ofOne, backoff: 3 });
    await outcome(gone`select 1`);
    const asked = [outcome(silent`select 1`), outcome(gone`select 1`)];
    await sleep(100);
    await Promise.all([silent.end({ timeout: 0.1 }), gone.end({ timeout: 0.1 })]);
    return Promise.all(asked);
  },

  async supervision(postgres) {
    const server = await standIn({ answer: () => undefined });
    const sql = postgres(server.url, ofOne);
    const asked = [outcome(sql`select 1`), outcome(sql`select 2`)];
    await sleep(100);
    sql.giveUp(Number.POSITIVE_INFINITY, () => Object.assign(new Error(), { code: "LATE" }));
    return Promise.all(asked);
  },
};

const { default: postgres } = await import(pathToFileURL(`${folder}/driver.js`).href);
const found = await scenarios[name](postgres);
// An unhandled rejection ends the process here.
await new Promise((resolve) => setImmediate(resolve));
process.stdout.write(JSON.stringify(found));
if (name !== "end-is-final") process.exit();
