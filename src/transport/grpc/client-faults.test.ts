import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { setImmediate as turn } from "node:timers/promises";
import { expect, it } from "vitest";
import {
  block,
  data,
  framesOf,
  goaway,
  headers,
  ping,
  rst,
  settings,
  settingsAck,
  textOf,
  windowUpdate,
} from "../../../test/transport/http2/script.js";
import { preface } from "../http2/preface.js";
import { GrpcClient } from "./client.js";
import { ClientCall } from "./client-call.js";

/**
 * Ways to answer; a question begins with the one that it gets. Only `ok` is an answer, and `slow`, frame by frame.
 */
const kinds = ["ok", "slow", "denied", "endless", "cut", "twice", "empty", "reset", "refused", "silent"] as const;
type Kind = (typeof kinds)[number];

/** Faults that a connection has now and then. */
const faults = ["goaway", "goaway 0", "end", "destroy", "window", "table", "pings"] as const;

/** Returns numbers from 0 to 1 that are the same in each run. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

const head = block([":status", "200"], ["content-type", "application/grpc"]);
const trailers = (status: string): Buffer => block(["grpc-status", status]);

function message(text: string): Buffer {
  const octets = Buffer.from(`\0\0\0\0\0${text}`);
  octets.writeUInt32BE(octets.length - 5, 1);
  return octets;
}

/** The frames that answer a question on a stream. */
function answerTo(id: number, question: string): readonly Buffer[] {
  const kind = question.split(" ")[0] as Kind;
  const begun = [headers(id, head), data(id, message(question))];
  switch (kind) {
    case "ok":
    case "slow":
      return [...begun, headers(id, trailers("0"), { end: true })];
    case "denied":
      return [...begun, headers(id, trailers("7"), { end: true })];
    case "endless":
      return begun;
    case "cut":
      return [
        headers(id, head),
        data(id, message(question).subarray(0, -1)),
        headers(id, trailers("0"), { end: true }),
      ];
    case "twice":
      return [...begun, data(id, message(question)), headers(id, trailers("0"), { end: true })];
    case "empty":
      return [headers(id, head), data(id, message(question), { end: true })];
    case "reset":
      return [...begun, rst(id, 0)];
    case "refused":
      return [rst(id, 7)];
    case "silent":
      return [];
  }
}

/** A server of many faults. `asked` counts how often each question has arrived. */
async function startServer(random: () => number) {
  const asked = new Map<string, number>();
  const serve = (socket: Socket): void => {
    let octets = Buffer.alloc(0);
    let isWholePreface = false;
    const bodies = new Map<number, Buffer>();
    /** The id of the last GOAWAY: it must not rise. */
    let last = 2 ** 31 - 1;
    const leave = (id: number): void => {
      last = Math.min(last, id);
      socket.write(goaway(last));
    };
    const fault = (id: number): void => {
      switch (faults[Math.floor(random() * faults.length)]) {
        case "goaway":
          leave(id);
          break;
        case "goaway 0":
          leave(0);
          break;
        case "end":
          socket.end();
          break;
        case "destroy":
          socket.destroy();
          break;
        case "window":
          socket.write(settings([4, Math.floor(random() * 200)]));
          break;
        case "table":
          socket.write(settings([1, Math.floor(random() * 4_096)], [3, 1 + Math.floor(random() * 20)]));
          break;
        case "pings":
          socket.write(Buffer.concat([ping("12345678"), ping("87654321")]));
          break;
      }
    };
    const send = async (frames: readonly Buffer[], isSlow: boolean): Promise<void> => {
      if (!isSlow) {
        socket.write(Buffer.concat(frames));
        return;
      }
      for (const one of frames) {
        socket.write(one.subarray(0, 5));
        await turn();
        socket.write(one.subarray(5));
        await turn();
      }
    };
    // One after the other: frames that are cut must not mix.
    let sending: Promise<void> = Promise.resolve();
    socket.on("error", () => undefined);
    socket.write(Buffer.concat([settings(), settingsAck]));
    socket.on("data", (chunk) => {
      octets = Buffer.concat([octets, chunk]);
      if (!isWholePreface && octets.length >= preface.length) {
        octets = octets.subarray(preface.length);
        isWholePreface = true;
      }
      while (isWholePreface && octets.length >= 9 && octets.length >= 9 + octets.readUIntBE(0, 3)) {
        const end = 9 + octets.readUIntBE(0, 3);
        const [said] = framesOf(octets.subarray(0, end));
        octets = octets.subarray(end);
        if (said?.type !== "DATA") continue;
        const { id, payload } = said;
        // Every octet comes back, so that windows stay as they are.
        const { length } = payload;
        if (length > 0) sending = sending.then(() => send([windowUpdate(id, length), windowUpdate(0, length)], false));
        bodies.set(id, Buffer.concat([bodies.get(id) ?? Buffer.alloc(0), payload]));
        if (!textOf(said).endsWith("END_STREAM")) continue;
        const question = bodies.get(id)?.toString("latin1", 5) ?? "";
        bodies.delete(id);
        asked.set(question, (asked.get(question) ?? 0) + 1);
        const frames = answerTo(id, question);
        const isSlow = question.startsWith("slow");
        sending = sending.then(() => send(frames, isSlow));
        if (random() < 0.02) sending = sending.then(() => fault(id));
      }
    });
  };
  const server = createServer(serve).listen(0, "127.0.0.1");
  await once(server, "listening");
  return { port: (server.address() as AddressInfo).port, asked, server };
}

class AskedCall extends ClientCall {
  readonly answers: string[] = [];
  readonly ends: number[] = [];
  onDone: () => void = () => undefined;

  protected onMessage(answer: Buffer): void {
    this.answers.push(answer.toString("latin1"));
  }

  protected onEnd(code: number): void {
    this.ends.push(code);
    this.onDone();
  }
}

it.each([1, 2, 3])(
  "gives each of 2,000 calls its own answer or an error, once, whatever the servers do (%i)",
  async (seed) => {
    const random = randomFrom(seed);
    const servers = [await startServer(random), await startServer(random)];
    const failures: unknown[] = [];
    const client = new GrpcClient({
      targets: servers.map(({ port }) => ({ host: "127.0.0.1", port })),
      metadata: [],
      failed: (thrown) => failures.push(thrown),
    });
    const method = client.method("/test.Service/Method");
    const outcomes = new Map<string, number>();
    let next = 0;
    const worker = async (): Promise<void> => {
      while (next < 2_000) {
        // Most are honest, so that connections live for a while.
        const kind =
          random() < 0.7 ? (random() < 0.8 ? "ok" : "slow") : (kinds[Math.floor(random() * kinds.length)] as Kind);
        const question = `${kind} ${next++} ${"x".repeat(random() < 0.1 ? 400 : 0)}`;
        const deadline = performance.now() + (kind === "silent" || kind === "endless" ? 30 : 10_000);
        const call = new AskedCall({ method, request: Buffer.from(question), deadline });
        await new Promise<void>((resolve) => {
          call.onDone = resolve;
          client.start(call);
          if (random() < 0.05) call.cancel();
        });
        const isAnswer = (kind === "ok" || kind === "slow") && call.ends[0] === 0;
        expect([call.ends.length, call.answers, call.ends[0] === 0]).toEqual([1, isAnswer ? [question] : [], isAnswer]);
        outcomes.set(`${call.ends[0]}`, (outcomes.get(`${call.ends[0]}`) ?? 0) + 1);
        // Waits between attempts are part of it.
        if (call.ends[0] === 14) await new Promise((resolve) => setTimeout(resolve, 5));
      }
    };
    await Promise.all(Array.from({ length: 40 }, worker));
    client.close();
    for (const { server } of servers) server.close();
    expect(failures).toEqual([]);
    // Most calls were answered, and every kind of end was seen.
    expect(outcomes.get("0")).toBeGreaterThan(1_000);
    for (const code of ["1", "4", "7", "12", "13", "14"]) expect(outcomes.get(code)).toBeGreaterThan(0);
    // Only what a server had not looked at was sent again, and once.
    const often = servers.map(({ asked }) => asked);
    for (const question of new Set(often.flatMap((asked) => [...asked.keys()]))) {
      const times = often.reduce((sum, asked) => sum + (asked.get(question) ?? 0), 0);
      expect(times).toBeLessThanOrEqual(2);
    }
  },
);
