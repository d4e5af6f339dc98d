// The faults that are fixed ("mended") in the PostgreSQL driver, postgres 3.4.9. Each mend says what goes wrong without
// it and which upstream issue it waits for. When that issue is released, remove the mend. test/store/driver.test.ts has
// a test for each mend, which fails without it.

/** The version that the mends were written for. */
export const version = "3.4.9";

const connection = "connection.js";
const pool = "index.js";

/** `changes`: the file, the text that it contains once, and the replacement. */
export const mends = [
  {
    name: "rows-end-with-their-answer",
    why: "The row counter is not reset by an error in the middle of rows: the next result on the connection starts with missing rows.",
    waitsFor: ["porsager/postgres#1181", "porsager/postgres#795"],
    changes: [
      [
        connection,
        "    result = new Result()\n    connectTimer.cancel()\n",
        "    result = new Result()\n    rows = 0\n    connectTimer.cancel()\n",
      ],
    ],
  },
  {
    name: "first-statements-are-held",
    why: "No code handles errors of the driver's own first statements on a connection: such an error ends the process.",
    waitsFor: ["porsager/postgres#1192", "porsager/postgres#1205", "porsager/postgres#1223"],
    changes: [
      [connection, "        return fetchArrayTypes()\n", "        return fetchArrayTypes().catch(giveUp)\n"],
      [
        connection,
        "    query.execute()\n  }\n\n  function ErrorResponse",
        "    query.catch(giveUp)\n  }\n\n  function ErrorResponse",
      ],
    ],
  },
  {
    name: "greeting-is-held",
    why: "An error while a password is computed or TLS begins is thrown where nothing catches it, which ends the process.",
    waitsFor: [],
    changes: [
      [
        connection,
        "  async function Authentication(x, type = x.readUInt32BE(5)) {\n    (",
        "  async function Authentication(x, type = x.readUInt32BE(5)) {\n    return (",
      ],
      [
        connection,
        "      x === 82 ? Authentication :            // R",
        "      x === 82 ? x => void Authentication(x).catch(giveUp) :",
      ],
      [
        connection,
        "    socket.on('connect', ssl ? secure : connected)",
        "    socket.on('connect', ssl ? () => void secure().catch(giveUp) : connected)",
      ],
      [
        connection,
        "      return ssl ? secure() : connected()",
        "      return ssl ? secure().catch(giveUp) : connected()",
      ],
    ],
  },
  {
    name: "session-ends-whole",
    why:
      "Statements on a lost connection are kept, and so is the error: a statement may stay unanswered, get the answer to a statement of the " +
      "next session, or make that one fail. A small write that waited makes all later ones wait.",
    waitsFor: ["porsager/postgres#1154", "porsager/postgres#1208"],
    changes: [
      [
        connection,
        "    clearImmediate(nextWriteTimer)\n    if (socket) {\n",
        "    clearImmediate(nextWriteTimer)\n    chunk = nextWriteTimer = null\n    if (socket) {\n",
      ],
      [
        connection,
        "    clearImmediate(nextWriteTimer)\n    socket.removeListener('data', data)\n",
        "    clearImmediate(nextWriteTimer)\n    chunk = nextWriteTimer = null\n    socket.removeListener('data', data)\n",
      ],
      [
        connection,
        "    !hadError && (query || sent.length) && error(Errors.connection('CONNECTION_CLOSED', options, socket))\n",
        "    fail(Errors.connection('CONNECTION_CLOSED', options, socket))\n    query = results = errorResponse = final = null\n    result = new Result()\n    rows = 0\n",
      ],
    ],
  },
  {
    name: "nothing-before-the-greeting",
    why:
      "A statement is written even when its connection is not ready yet or has failed: it gets the answer to the " +
      "greeting as its own, and every later statement gets the answer to the one before it. Without a socket, the process ends.",
    waitsFor: ["porsager/postgres#1154", "porsager/postgres#1208"],
    changes: [
      [
        connection,
        "    if (terminated)\n      return queryError",
        "    if (terminated || !greeted)\n      return queryError",
      ],
      [connection, "  function error(err) {\n", "  function error(err) {\n    greeted = false\n"],
      [
        connection,
        "    const x = socket.write(chunk, fn)\n",
        "    if (socket === null) {\n      chunk = nextWriteTimer = null\n      fail(Errors.connection('CONNECTION_CLOSED', options, socket))\n      return false\n    }\n    const x = socket.write(chunk, fn)\n",
      ],
    ],
  },
  {
    name: "transaction-stays-on-its-session",
    why:
      "A transaction that has lost its connection continues on the next session, outside of any transaction or inside another one: half a " +
      "change is committed, or another change is rolled back.",
    waitsFor: ["porsager/postgres#1215", "porsager/postgres#1216", "porsager/postgres#1133"],
    changes: [
      [
        pool,
        "      , connection\n      , prepare = null\n",
        "      , connection\n      , prepare = null\n      , over = null\n",
      ],
      [
        pool,
        "        new Promise((_, reject) => connection.onclose = reject)\n      ])\n    } catch (error) {\n      throw error\n    }\n",
        "        new Promise((_, reject) => connection.onclose = e => {\n          over = e\n          while (queries.length)\n            queries.shift().reject(e)\n          reject(e)\n        })\n      ])\n    } finally {\n      over || (over = true)\n    }\n",
      ],
      [
        pool,
        "        q.catch(e => uncaughtError || (uncaughtError = e))\n",
        "        q.catch(e => uncaughtError || (uncaughtError = e))\n        if (over)\n          return q.reject(over === true ? Errors.generic('TRANSACTION_ENDED', 'The transaction has ended') : over)\n",
      ],
    ],
  },
  {
    name: "begin-reserves",
    why:
      "A BEGIN that fills the pipeline of a connection, or its write buffer, does not reserve it: the transaction stays open there, and later " +
      "statements of other callers run inside it and are never committed.",
    waitsFor: ["porsager/postgres#1189", "porsager/postgres#1210", "porsager/postgres#1218", "porsager/postgres#823"],
    changes: [
      [
        connection,
        "      return write(toBuffer(q))\n        && !q.describeFirst\n        && !q.cursorFn\n        && sent.length < max_pipeline\n        && (!q.options.onexecute || q.options.onexecute(connection))\n",
        "      const writable = write(toBuffer(q))\n      q.options.onexecute && q.options.onexecute(connection)\n      return writable\n        && !q.options.onexecute\n        && !q.describeFirst\n        && !q.cursorFn\n        && sent.length < max_pipeline\n",
      ],
    ],
  },
  {
    name: "commit-may-leave-with-the-last-statement",
    why:
      "PostgreSQL answers the COMMIT of a failed transaction with ROLLBACK and no error, which counts as committed: when a statement fails while " +
      "COMMIT is on its way, or when COMMIT itself, a prepared statement that its session lost, is sent again. A statement that is sent again " +
      "behind COMMIT would take effect alone.",
    waitsFor: [],
    changes: [
      [
        pool,
        "          : await sql`commit`\n      }\n",
        "          : await (sql.commit = sql.unsafe('commit'))\n        if (uncaughtError)\n          throw uncaughtError\n      }\n",
      ],
      [pool, "          : sql`rollback`\n", "          : sql.unsafe('rollback')\n"],
      [
        connection,
        "          : query.prepared && retryRoutines.has(",
        "          : query.prepared && !connection.reserved && retryRoutines.has(",
      ],
    ],
  },
  {
    name: "drain-opens-nothing",
    why: "When a socket has written everything that waited, its connection goes to the next caller, even in the middle of a transaction.",
    waitsFor: ["porsager/postgres#1207"],
    changes: [
      [
        connection,
        "    !query && onopen(connection)\n",
        "    // ReadyForQuery opens it: only then is it known to be free.\n",
      ],
    ],
  },
  {
    name: "faulty-statement-fails-alone",
    why:
      "A statement that cannot be encoded, behind others on the same connection, makes the one before it fail and stays in the queue: it gets " +
      "the next answer as its own.",
    waitsFor: [],
    changes: [
      [
        connection,
        "    try {\n      q.state = backend\n",
        "    const behind = query !== null\n\n    try {\n      q.state = backend\n",
      ],
      [
        connection,
        "      sent.length === 0 && write(Sync)\n      errored(error)\n      return true\n",
        "      behind ? sent.remove(q) : write(Sync)\n      queryError(q, error)\n      return true\n",
      ],
    ],
  },
  {
    name: "answers-are-whole",
    why:
      "An answer without an end, with a wrong number of rows, or to no statement counts as a result, or as an empty one where nothing " +
      "was sent. Such a connection is out of step; it is ended.",
    waitsFor: [],
    changes: [
      [
        connection,
        "        query.resolve(results || result)\n      }\n    } else if (errorResponse) {\n      errored(errorResponse)\n    }\n",
        "        whole && (result.command !== null || query.onlyDescribe || query.cursorFn)\n          ? query.resolve(results || result)\n          : giveUp(Errors.connection('CONNECTION_OUT_OF_STEP', options, socket))\n      }\n    } else if (errorResponse) {\n      errored(errorResponse)\n    } else if (greeted) {\n      giveUp(Errors.connection('CONNECTION_OUT_OF_STEP', options, socket))\n    }\n    whole = true\n    described = false\n",
      ],
      [
        connection,
        "  function CommandComplete(x) {\n    rows = 0\n",
        "  function CommandComplete(x) {\n    const received = rows\n    rows = 0\n",
      ],
      [
        connection,
        "    final && (final(), final = null)\n\n    if (result.command === 'BEGIN'",
        "    const returnsRows = query.options.simple ? described : query.statement.columns && query.statement.columns.length > 0\n    if (returnsRows && !query.forEachFn && !query.cursorFn && result.count !== null && received !== result.count)\n      whole = false\n    described = false\n\n    final && (final(), final = null)\n\n    if (result.command === 'BEGIN'",
      ],
      [
        connection,
        "    const length = x.readUInt16BE(5)\n    let index = 7\n    let start\n",
        "    described = true\n    const length = x.readUInt16BE(5)\n    let index = 7\n    let start\n",
      ],
      [
        connection,
        "    let value\n\n    const row = query.isRaw",
        "    let value\n\n    if (x.readUInt16BE(5) !== query.statement.columns.length)\n      return giveUp(Errors.connection('CONNECTION_OUT_OF_STEP', options, socket))\n\n    const row = query.isRaw",
      ],
      [
        connection,
        "  function EmptyQueryResponse() {\n    /* noop */\n",
        "  function EmptyQueryResponse() {\n    result.command = ''\n",
      ],
    ],
  },
  {
    name: "failed-greeting-fails-its-statement",
    why:
      "A server that ends connections before its greeting is tried again without a pause and without an end, and so are several hosts that are all " +
      "down. With the mend, each host is tried once.",
    waitsFor: ["porsager/postgres#1193", "porsager/postgres#1188", "porsager/postgres#815"],
    changes: [
      [
        connection,
        "    if (initial)\n      return reconnect()\n",
        "    if (initial && ++retries < options.host.length)\n      return reconnect()\n\n    retries = 0\n",
      ],
      [
        connection,
        "    errored(Errors.connection('CONNECT_TIMEOUT', options, socket))\n    socket.destroy()\n",
        "    error(Errors.connection('CONNECT_TIMEOUT', options, socket))\n    socket && socket.destroy()\n",
      ],
      [
        connection,
        "xs.in_hot_standby === 'off' && options.host[retries])",
        "xs.in_hot_standby === 'off' && options.host[retries + 1])",
      ],
    ],
  },
  {
    name: "writers-are-no-standbys",
    why:
      "A standby reports that its sessions are not read-only by default, so target_session_attrs=read-write accepts it as a server that writes. " +
      "libpq checks both parameters (PostgreSQL, 34.1.2).",
    waitsFor: [],
    changes: [
      [
        connection,
        "(x === 'read-write' && xs.default_transaction_read_only === 'on') ||",
        "(x === 'read-write' && (xs.default_transaction_read_only === 'on' || xs.in_hot_standby === 'on')) ||",
      ],
    ],
  },
  {
    name: "parameters-stay-as-given",
    why: "A prepared statement that is sent again binds values that were already converted to text: wrong bytes are looked up or written.",
    waitsFor: ["porsager/postgres#1197, merged after 3.4.9"],
    changes: [
      [
        connection,
        "      parameters[i] = x = type in options.serializers\n",
        "      x = type in options.serializers\n",
      ],
    ],
  },
  {
    name: "failures-leave-no-trace",
    why: "Every failed statement leaves its text in a map until the process ends.",
    waitsFor: [],
    changes: [
      [
        "query.js",
        "  get origin() {\n    return (",
        "  get origin() {\n    if (!this.handler.debug && !this.tagged)\n      return ''\n\n    return (",
      ],
    ],
  },
  {
    name: "certificate-names-the-host",
    why: "With `verify-full` and an IP address the certificate is compared with `localhost`.",
    waitsFor: [],
    changes: [
      [
        connection,
        "      servername: net.isIP(socket.host) ? undefined : socket.host\n",
        "      servername: net.isIP(socket.host) ? undefined : socket.host,\n      host: socket.host\n",
      ],
    ],
  },
  {
    name: "small-writes-leave-at-once",
    why: "The second of two small writes waits for the acknowledgement of the first, which TCP delays by 40 ms.",
    waitsFor: [],
    changes: [[connection, "        : new net.Socket()\n", "        : new net.Socket().setNoDelay(true)\n"]],
  },
  {
    name: "end-is-final",
    why: "A pool that has ended keeps connections whose peer is silent, and still opens one that waited: both keep the process running.",
    waitsFor: [],
    changes: [
      [
        connection,
        "    setTimeout(connect, closedTime ?",
        "    reconnectTimer = setTimeout(() => void connect().catch(giveUp), closedTime ?",
      ],
      [
        connection,
        "    terminated = true\n    if (stream",
        "    terminated = true\n    clearTimeout(reconnectTimer)\n    if (stream",
      ],
      [
        pool,
        "    await Promise.all(connections.map(c => c.terminate()))\n",
        "    connections.forEach(c => (c.terminate(), c.giveUp(Errors.connection('CONNECTION_DESTROYED', options))))\n",
      ],
    ],
  },
  {
    name: "supervision",
    why: "The driver has no time-out for a statement: without an answer it waits for as long as TCP keeps the connection.",
    waitsFor: ["porsager/postgres#1089"],
    changes: [
      // The tick in which a statement was passed to the driver.
      ["query.js", "export const CLOSE = {}\n", "export const CLOSE = {}\nexport const clock = { tick: 0 }\n"],
      [
        "query.js",
        "    !this.executed && (this.executed = true) &&",
        "    !this.executed && (this.executed = true, this.since = clock.tick, true) &&",
      ],
      [
        "queue.js",
        "    push: (x) =>",
        "    first: () => xs[index],\n    keep: (test) => (xs = xs.slice(index).filter(test), index = 0),\n    push: (x) =>",
      ],
      [connection, "import { Query, CLOSE } from './query.js'\n", "import { Query, CLOSE, clock } from './query.js'\n"],
      [
        connection,
        "    cancel,\n    end,\n",
        "    owedSince: () => (query || initial || { since: terminated && socket ? terminatedAt : Infinity }).since,\n    cancel,\n    end,\n",
      ],
      [connection, "  function terminate() {\n", "  function terminate() {\n    terminatedAt = clock.tick\n"],
      [pool, "import { Query, CLOSE } from './query.js'\n", "import { Query, CLOSE, clock } from './query.js'\n"],
      [pool, "export default Postgres\n", "export { clock }\nexport default Postgres\n"],
      [pool, "    options,\n    reserve,\n", "    options,\n    giveUp,\n    reserve,\n"],
      [pool, "  async function begin(options, fn) {\n", "  async function begin(options, fn, waiting) {\n"],
      [pool, "[], { onexecute }).execute()", "[], { ...waiting, onexecute }).execute()"],
      [
        pool,
        "  async function close() {\n",
        "  // Fails statements from before the tick `since`, and destroys connections that owe them an answer. Also fails waiting statements without a caller.\n  function giveUp(since, failure) {\n    while (queries.length && queries.first().since < since)\n      queries.shift().reject(failure())\n    queries.length && queries.keep(q => !(q.options && q.options.isOver && q.options.isOver()) || void q.reject(failure()))\n    connections.forEach(c => c.owedSince() < since && c.giveUp(failure()))\n  }\n\n  async function close() {\n",
      ],
    ],
  },
  {
    name: "transaction-is-idle-between-messages",
    why:
      "A statement is described first, and PostgreSQL counts it as running until the driver continues: no time-out ends a client that " +
      "stops there with locks held. With the mend, the description in a transaction is its own round, after which idle_in_transaction_session_timeout counts.",
    waitsFor: [],
    changes: [
      [
        connection,
        "        ? Buffer.concat([describe(q), Flush])\n",
        "        ? Buffer.concat([describe(q), (q.describing = !!connection.reserved && !q.onlyDescribe) ? Sync : Flush])\n",
      ],
      [
        connection,
        "  function ReadyForQuery(x) {\n",
        "  function ReadyForQuery(x) {\n    if (query && query.describing) {\n      query.describing = false\n      if (!errorResponse)\n        return\n    }\n\n",
      ],
      [
        connection,
        "      (query.cursorFn || query.describeFirst) && write(Sync)\n",
        "      (query.cursorFn || query.describeFirst) && !query.describing && write(Sync)\n",
      ],
      [
        connection,
        "        query && (query.cursorFn || query.describeFirst) && write(Sync)\n",
        "        query && (query.cursorFn || query.describeFirst) && !query.describing && write(Sync)\n",
      ],
    ],
  },
];

/** Changes that several mends need: `greeted` is true while a session answers. Harmless on their own. */
export const common = [
  [connection, "    terminate,\n    execute,\n", "    terminate,\n    giveUp,\n    execute,\n"],
  [
    connection,
    "    if (initial) {\n      if (target_session_attrs) {\n",
    "    greeted = socket !== null && !socket.destroyed\n    if (!greeted)\n      return\n\n    if (initial) {\n      if (target_session_attrs) {\n",
  ],
  [connection, "  async function closed(hadError) {\n", "  async function closed(hadError) {\n    greeted = false\n"],
  [
    connection,
    "    , nextWriteTimer = null\n",
    "    , nextWriteTimer = null\n    , reconnectTimer = null\n    , terminatedAt = 0\n    , greeted = false\n    , described = false\n    , whole = true\n",
  ],
  [
    connection,
    "  function errored(err) {\n",
    "  // Fails every statement that waits for an answer of this connection.\n  function fail(err) {\n    greeted = false\n    errored(err)\n    while (sent.length)\n      queryError(sent.shift(), err)\n  }\n\n  function giveUp(err) {\n    fail(err)\n    socket && socket.destroy()\n  }\n\n  function errored(err) {\n",
  ],
];
