import { setTimeout as sleep } from "node:timers/promises";
import type {
  DescMessage,
  DescMethodServerStreaming,
  DescMethodUnary,
  MessageInitShape,
  MessageShape,
} from "@bufbuild/protobuf";
import type { GrpcEngine } from "../../src/domain/grpc-engine.js";
import { createClock, haveClock, type TestClock } from "../../test/kit/clock.js";
import { grpcPort, type Port, type Reply } from "../../test/kit/ports.js";
import { overTls } from "../../test/kit/postgres.js";
import { type FaultProxy, startProxy, through } from "../../test/kit/proxy.js";
import type { Server } from "../../test/kit/server.js";
import type { OpenFga } from "../lib/openfga.js";
import { type Settings, startPatwarden, UnknownSetting } from "../lib/patwarden.js";
import { isRetryable, type Tally } from "./tally.js";

/** Longer than any fault and all time limits behind it. */
const callTimeoutMs = 30_000;
/** Shares of the calls that their callers cancel, and that have a deadline which few can meet; after how long. */
const impatience = { cancelled: 0.05, hurried: 0.02, longestMs: 20 };
/** Connections of the load to each replica. */
const connectionsOfReplica = 4;
/** A connection ends soon: many do so while calls are on their way. */
const maxConnectionAge = "5s";
/** Milliseconds between two attempts of one call. */
const pauseMs = 50;
const retryLimitMs = 60_000;

/** Limits of memory that are so low that they are reached long before the first sample. */
const tightBounds: Settings = { token_cache: { max_bytes: "1MiB" } };

/** How a caller goes about one call. */
interface Manner {
  readonly timeoutMs: number;
  readonly cancelAfterMs?: number;
}

/** The connections of a replica to its parts, and its clock. They stay when another process replaces it. */
export interface Surroundings {
  readonly database: FaultProxy;
  readonly openfga: FaultProxy;
  /** Undefined where clocks cannot be set. */
  readonly clock: TestClock | undefined;
}

interface Replica {
  readonly server: Server;
  /** Whether it was told to stop: then it may cut connections. */
  isStopping: boolean;
  /** Whether it is stopped: it gets no calls until the next one has started. */
  gone: boolean;
  /** Besides the test kit's port, which closes with the server: these still call while the server stops. */
  readonly ports: readonly Port[];
}

/** Replicas of Patwarden over one database and one OpenFGA, both by TLS, and the ways to call them. */
export class Replicas {
  readonly #replicas: Replica[] = [];
  readonly #surroundings: Surroundings[] = [];
  readonly #databaseUrl: string;
  readonly #openfga: OpenFga;
  readonly #authorityFile: string;
  readonly #tally: Tally;
  readonly #settings: Settings;

  /**
   * `authorityFile`: the authority of OpenFGA's certificate. `engine`: of both sides of their gRPC; undefined for that
   * of the product.
   */
  constructor(
    databaseUrl: string,
    openfga: OpenFga,
    authorityFile: string,
    engine: GrpcEngine | undefined,
    tally: Tally,
  ) {
    this.#databaseUrl = databaseUrl;
    this.#openfga = openfga;
    this.#authorityFile = authorityFile;
    this.#tally = tally;
    this.#settings = {
      database: { max_connections: 5 },
      grpc: { max_connection_age: maxConnectionAge, ...(engine && { engine }) },
      openfga: { tls: true, ...(engine && { engine }) },
    };
  }

  async start(count: number): Promise<void> {
    for (let replica = 0; replica < count; replica++) {
      const surroundings = {
        database: await startProxy(new URL(this.#databaseUrl).host),
        openfga: await startProxy(this.#openfga.grpc),
        clock: haveClock() ? createClock() : undefined,
      };
      this.#surroundings.push(surroundings);
      this.#replicas.push(await this.#start(surroundings, replica === 0));
    }
  }

  async #start({ database, openfga, clock }: Surroundings, fresh = false): Promise<Replica> {
    const settings = this.#settings;
    const parts = {
      databaseUrl: overTls(through(this.#databaseUrl, database)),
      openfga: { ...this.#openfga, grpc: openfga.address },
      fresh,
      env: { ...clock?.env, NODE_EXTRA_CA_CERTS: this.#authorityFile },
    };
    const server = await startPatwarden({ ...parts, settings: { ...settings, ...tightBounds } }).catch((error) => {
      if (!(error instanceof UnknownSetting)) throw error;
      return startPatwarden({ ...parts, settings });
    });
    const ports = Array.from({ length: connectionsOfReplica }, () =>
      grpcPort(server.grpc, server.keys.admin, undefined, { "grpc.use_local_subchannel_pool": 1 }),
    );
    return { server, isStopping: false, gone: false, ports };
  }

  get surroundings(): readonly Surroundings[] {
    return this.#surroundings;
  }

  /** Freezes its process until the returned function is called. */
  freeze(number: number): () => void {
    const { child } = this.#at(number).server;
    child.kill("SIGSTOP");
    return () => child.kill("SIGCONT");
  }

  get servers(): readonly Server[] {
    return this.#replicas.map(({ server }) => server);
  }

  /** The numbers of the replicas that are running. */
  get numbers(): readonly number[] {
    return this.#replicas.flatMap(({ gone }, number) => (gone ? [] : [number]));
  }

  /** Stops a replica as an operator would, and then starts another in its place. */
  async restart(number: number): Promise<void> {
    await this.stop(number);
    const { ports } = this.#at(number);
    const surroundings = this.#surroundings[number];
    if (!surroundings) throw new Error(`no replica ${number}`);
    this.#replicas[number] = await this.#start(surroundings);
    for (const port of ports) port.close();
  }

  async stop(number: number): Promise<void> {
    const replica = this.#at(number);
    const { server } = replica;
    replica.isStopping = true;
    server.child.kill("SIGTERM");
    const code = await server.exited;
    replica.gone = true;
    if (code !== 0) this.#tally.violated(`a replica ended with ${code}:\n${server.log().slice(-2_000)}`);
  }

  async stopAll(): Promise<void> {
    for (const port of this.#replicas.flatMap(({ ports }) => ports)) port.close();
    await Promise.all(this.#replicas.map(({ server }) => server.stop()));
    await Promise.all(this.#surroundings.flatMap(({ database, openfga }) => [database.close(), openfga.close()]));
    for (const { clock } of this.#surroundings) clock?.remove();
  }

  /**
   * Makes one attempt, at this replica or any. A failure that callers may not retry is a violation, and so is a lost
   * answer.
   */
  async call<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageInitShape<I>,
    number = anyOf(this.numbers),
  ): Promise<Reply<MessageShape<O>>> {
    const manner = anyManner();
    const replica = this.#at(number);
    const reply = await anyOf(replica.ports).call(method, request, manner);
    this.#judge(method.name, manner, replica, reply);
    return reply;
  }

  /** Does the same for a list. */
  async list<I extends DescMessage, O extends DescMessage>(
    method: DescMethodServerStreaming<I, O>,
    request: MessageInitShape<I>,
  ): Promise<Reply<readonly MessageShape<O>[]>> {
    const number = anyOf(this.numbers);
    const manner = anyManner();
    const replica = this.#at(number);
    const reply = await anyOf(replica.ports).list(method, request, manner);
    this.#judge(method.name, manner, replica, reply);
    return reply;
  }

  #judge(name: string, manner: Manner, replica: Replica, reply: Reply<unknown>): void {
    if (reply.ok) {
      this.#tally.called(name, "OK");
      return;
    }
    const { code, reason, message, metadata } = reply;
    this.#tally.called(name, `${code} ${reason ?? "of the transport"}`);
    // When the clock of the database steps back, a rotation may regard an earlier one as concurrent.
    const isRotated = name === "RotateToken" && metadata["state"] === "ROTATED";
    if (!isRetryable(code) && !isRotated) this.#tally.violated(`${name} failed with ${code} ${reason}: ${message}`);
    else if (isLost(manner, replica, code, reason))
      // The times that grpc-js adds differ from call to call.
      this.#tally.violated(`${name} was lost: ${code} ${reason}: ${message.replace(/ after .*/, "")}`);
  }

  /**
   * Tries until it is answered, at this replica or each time at any one. Throws after a minute, or if no retry helps.
   */
  async insist<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageInitShape<I>,
    number?: number,
  ): Promise<MessageShape<O>> {
    for (const begin = performance.now(); ; await sleep(pauseMs)) {
      const reply = await this.call(method, request, number);
      if (reply.ok) return reply.value;
      if (!isRetryable(reply.code)) throw new GaveUp(`${method.name} ${reply.code}`);
      if (performance.now() - begin > retryLimitMs) {
        this.#tally.violated(`${method.name} did not succeed within ${retryLimitMs} ms`);
        throw new GaveUp(method.name);
      }
    }
  }

  #at(number: number): Replica {
    const replica = this.#replicas[number];
    if (!replica) throw new Error(`no replica ${number}`);
    return replica;
  }
}

/**
 * Returns whether nothing excuses this failure of a call. A connection may be cut by a replica that stops, but never
 * for its age.
 */
function isLost(manner: Manner, { isStopping }: Replica, code: string, reason: string | undefined): boolean {
  if (code === "CANCELLED") return manner.cancelAfterMs === undefined;
  if (code === "DEADLINE_EXCEEDED") return manner.timeoutMs === callTimeoutMs;
  return reason === undefined && !isStopping;
}

function anyManner(): Manner {
  const chance = Math.random();
  const ms = Math.random() * impatience.longestMs;
  if (chance < impatience.cancelled) return { timeoutMs: callTimeoutMs, cancelAfterMs: ms };
  return { timeoutMs: chance < impatience.cancelled + impatience.hurried ? ms : callTimeoutMs };
}

export function anyOf<T>(list: readonly T[]): T {
  const chosen = list[Math.floor(Math.random() * list.length)];
  if (chosen === undefined) throw new Error("nothing to choose from");
  return chosen;
}

/** The violation is recorded; the life of this token cannot continue. */
export class GaveUp extends Error {}
