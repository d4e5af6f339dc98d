// Sends prebuilt gRPC requests in turn over one or more HTTP/2 connections, keeps a fixed number in flight, compares
// every answer with the expected one and prints one line of JSON. It writes frames by hand and does not read the header
// blocks of answers: a client library would cost more than the measured server. In gRPC a failed unary call has no
// message, so an answer without one is a failure.
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { connect as connectTls } from "node:tls";
import { parseArgs } from "node:util";

const { values: options } = parseArgs({
  options: {
    address: { type: "string" },
    /** Uses TLS, and trusts any certificate. */
    tls: { type: "boolean", default: false },
    path: { type: "string" },
    /** Sent as the `authorization` header. */
    authorization: { type: "string" },
    /** File of lines: expected answer, tab, message in base64. */
    exchanges: { type: "string" },
    /** How answers are read: a name in `readers`. */
    answer: { type: "string" },
    /** The calls in flight are divided among them. */
    connections: { type: "string" },
    "in-flight": { type: "string" },
    /** How long calls are started. */
    "duration-ms": { type: "string" },
    /** Continues until at least this many calls have been started. */
    "min-calls": { type: "string" },
  },
});

// ---- answers ----

/**
 * Calls back for every field of a protobuf message that is a varint (with its value) or a message (with its bounds).
 */
function readFields(bytes, start, end, onVarint, onMessage) {
  let at = start;
  const varint = () => {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = bytes[at++];
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
  };
  while (at < end) {
    const key = varint();
    switch (key & 7) {
      case 0:
        {
          const value = varint();
          onVarint?.(key >> 3, value);
        }
        break;
      case 2: {
        const length = varint();
        onMessage?.(key >> 3, at, at + length);
        at += length;
        break;
      }
      default:
        throw new Error(`wire type ${key & 7}`);
    }
  }
}

function readDecision(bytes, start, end) {
  let allowed = 0;
  let reason = 0;
  readFields(bytes, start, end, (field, value) => {
    if (field === 1) allowed = value;
    else if (field === 2) reason = value;
  });
  return `${allowed}:${reason}`;
}

const readers = {
  /** CheckResponse: allowed = 1, reason = 2. */
  decision: (bytes) => readDecision(bytes, 0, bytes.length),
  /** BatchCheckResponse: results = 1, each with decision = 1 or error = 2. */
  batch(bytes) {
    const results = [];
    readFields(bytes, 0, bytes.length, undefined, (_, start, end) =>
      readFields(bytes, start, end, undefined, (field, from, to) =>
        results.push(field === 1 ? readDecision(bytes, from, to) : "error"),
      ),
    );
    return results.join();
  },
  /** OpenFGA's CheckResponse: allowed = 1. */
  openfga(bytes) {
    let allowed = 0;
    readFields(bytes, 0, bytes.length, (field, value) => {
      if (field === 1) allowed = value;
    });
    return String(allowed);
  },
  empty: (bytes) => (bytes.length === 0 ? "" : "something"),
};

// ---- frames ----

const frameType = { data: 0, headers: 1, resetStream: 3, settings: 4, ping: 6, goAway: 7, windowUpdate: 8 };
const endStream = 1;
const acknowledged = 1;
const endHeaders = 4;

function frame(type, flags, stream, payload) {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/**
 * Returns the header block of the first request, which adds all headers to the table of the peer, and that of all later
 * ones, which only refers to the table (RFC 7541 §6.1, §6.2.1). All names and values are shorter than 127 bytes.
 */
function headerBlocks(headers) {
  const text = (value) => Buffer.concat([Buffer.of(value.length), Buffer.from(value)]);
  const staticIndex = { ":authority": 1, ":path": 4, authorization: 23, "content-type": 31 };
  const [methodPost, scheme, firstDynamic] = [0x80 | 3, 0x80 | (options.tls ? 7 : 6), 0x80 | 62];
  const literals = headers.map(([name, value]) => {
    const index = staticIndex[name];
    return index === undefined
      ? Buffer.concat([Buffer.of(0x40), text(name), text(value)])
      : Buffer.concat([Buffer.of(0x40 | index), text(value)]);
  });
  const pointers = headers.map((_, position) => firstDynamic + headers.length - 1 - position);
  return {
    first: Buffer.concat([Buffer.of(methodPost, scheme), ...literals]),
    later: Buffer.of(methodPost, scheme, ...pointers),
  };
}

// ---- requests ----

const blocks = headerBlocks([
  [":path", options.path],
  [":authority", options.address],
  ["content-type", "application/grpc"],
  ["te", "trailers"],
  ...(options.authorization ? [["authorization", options.authorization]] : []),
]);

/** HEADERS and DATA of each request for stream 0, and the position of the second stream number in it. */
const requests = readFileSync(options.exchanges, "utf8")
  .trimEnd()
  .split("\n")
  .map((line) => {
    const [expected, base64] = line.split("\t");
    const message = Buffer.from(base64, "base64");
    const prefix = Buffer.alloc(5);
    prefix.writeUInt32BE(message.length, 1);
    const body = Buffer.concat([prefix, message]);
    const data = frame(frameType.data, endStream, 0, body);
    return { expected, data, size: body.length };
  });
const headersFrame = {
  first: frame(frameType.headers, endHeaders, 0, blocks.first),
  later: frame(frameType.headers, endHeaders, 0, blocks.later),
};

const read = readers[options.answer];
const connectionCount = Number(options.connections);
const inFlight = Number(options["in-flight"]) / connectionCount;
if (!Number.isInteger(inFlight)) fail("each connection must have the same number of calls in flight");
const minCalls = Number(options["min-calls"]);
const durationMs = Number(options["duration-ms"]);

const latencies = [];
let wrong = 0;
let failed = 0;
let firstFault = "";
let begun = 0;
let start;

function fail(problem) {
  console.error(`load generator: ${problem}`);
  process.exit(1);
}

function judge({ request, body }) {
  if (body === undefined) {
    failed++;
    firstFault ||= `request ${requests.indexOf(request)} was not answered by a message`;
    return;
  }
  const answer = read(body.subarray(5));
  if (answer === request.expected) return;
  wrong++;
  firstFault ||= `request ${requests.indexOf(request)} was answered ${answer}, expected ${request.expected}`;
}

function report(now) {
  latencies.sort((a, b) => a - b);
  const quantile = (q) => latencies[Math.min(latencies.length - 1, Math.floor(q * latencies.length))];
  const { user, system } = process.cpuUsage();
  const result = {
    calls: latencies.length,
    perSecond: (latencies.length / (now - start)) * 1000,
    p50Ms: quantile(0.5),
    p99Ms: quantile(0.99),
    wrong,
    failed,
    firstFault,
    cpuUs: (user + system) / latencies.length,
  };
  process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0));
}

class Connection {
  calls = new Map();
  nextStream = 1;
  window = 65_535;
  outgoing = [];
  unread = Buffer.alloc(0);

  /** Calls back once it is connected. */
  constructor(onConnect) {
    const [host, port] = options.address.split(":");
    const to = { host, port: Number(port), noDelay: true };
    this.socket = options.tls ? connectTls({ ...to, ALPNProtocols: ["h2"], rejectUnauthorized: false }) : connect(to);
    this.socket.on("error", (error) => fail(error.message));
    this.socket.on("close", () => fail("the server closed the connection"));
    this.socket.on("data", (chunk) => this.readChunk(chunk));
    this.socket.on(options.tls ? "secureConnect" : "connect", onConnect);
  }

  start() {
    const initialWindow = Buffer.from([0, 4, 0, 16, 0, 0]); // 1 MiB for each answer
    const connectionWindow = Buffer.from([0x7f, 0, 0, 0]); // and never a limit for all
    this.outgoing.push(
      Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
      frame(frameType.settings, 0, 0, initialWindow),
      frame(frameType.windowUpdate, 0, 0, connectionWindow),
    );
    for (let call = 0; call < inFlight; call++) this.begin(start);
    this.flush();
  }

  begin(now) {
    const request = requests[begun % requests.length];
    this.window -= request.size;
    if (this.window < 0) fail("the server's receive window is exhausted");
    const headers = Buffer.from(this.nextStream === 1 ? headersFrame.first : headersFrame.later);
    const data = Buffer.from(request.data);
    headers.writeUInt32BE(this.nextStream, 5);
    data.writeUInt32BE(this.nextStream, 5);
    this.outgoing.push(headers, data);
    this.calls.set(this.nextStream, { request, start: now, body: undefined });
    this.nextStream += 2;
    begun++;
  }

  flush() {
    if (this.outgoing.length === 0) return;
    this.socket.write(this.outgoing.length === 1 ? this.outgoing[0] : Buffer.concat(this.outgoing));
    this.outgoing = [];
  }

  end(stream, call) {
    this.calls.delete(stream);
    const now = performance.now();
    latencies.push(now - call.start);
    judge(call);
    if (now - start < durationMs || begun < minCalls) this.begin(now);
    else if (latencies.length === begun) report(now);
  }

  /** Handles the frame whose payload is `bytes[from, to)`. */
  receive(type, flags, stream, bytes, from, to) {
    const call = this.calls.get(stream);
    switch (type) {
      case frameType.data:
        if (call && to > from) {
          const part = bytes.subarray(from, to);
          call.body = call.body ? Buffer.concat([call.body, part]) : part;
        }
        break;
      case frameType.resetStream:
        if (call) {
          call.body = undefined;
          this.end(stream, call);
        }
        return;
      case frameType.settings:
        if (!(flags & acknowledged)) this.outgoing.push(frame(type, acknowledged, 0, Buffer.alloc(0)));
        return;
      case frameType.ping:
        if (!(flags & acknowledged)) this.outgoing.push(frame(type, acknowledged, 0, bytes.subarray(from, to)));
        return;
      case frameType.goAway:
        fail("the server goes away");
        return;
      case frameType.windowUpdate:
        if (stream === 0) this.window += bytes.readUInt32BE(from);
        return;
    }
    if (call && flags & endStream) this.end(stream, call);
  }

  readChunk(chunk) {
    const bytes = this.unread.length > 0 ? Buffer.concat([this.unread, chunk]) : chunk;
    let at = 0;
    while (bytes.length - at >= 9) {
      const end = at + 9 + bytes.readUIntBE(at, 3);
      if (bytes.length < end) break;
      this.receive(bytes[at + 3], bytes[at + 4], bytes.readUInt32BE(at + 5) & 0x7fffffff, bytes, at + 9, end);
      at = end;
    }
    this.unread = bytes.subarray(at);
    this.flush();
  }
}

let connected = 0;
const connections = Array.from(
  { length: connectionCount },
  () =>
    new Connection(() => {
      if (++connected < connectionCount) return;
      start = performance.now();
      for (const connection of connections) connection.start();
    }),
);
