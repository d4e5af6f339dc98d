import { setTimeout as sleep } from "node:timers/promises";
import type { DescMessage, DescMethodUnary, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import { createClock, haveClock, type TestClock } from "../../test/kit/clock.js";
import { grpcPort, type Port, type Reply } from "../../test/kit/ports.js";
import { overTls } from "../../test/kit/postgres.js";
import { type FaultProxy, startProxy, through } from "../../test/kit/proxy.js";
import type { Server } from "../../test/kit/server.js";
import type { OpenFga } from "../lib/openfga.js";
import { type Settings, startPatwarden, UnknownSetting } from "../lib/patwarden.js";
import { isRetryable, type Tally } from "./tally.js";

const callTimeoutMs = 5_000;
/** Milliseconds between two attempts of one call. */
const pauseMs = 50;
const retryLimitMs = 60_000;

/** Limits of memory that are so low that they are reached long before the first sample. */
const tightBounds: Settings = { token_cache: { max_bytes: "1MiB" } };

/** The connections of a replica to its parts, and its clock. They stay when another process replaces it. */
export interface Surroundings {
  readonly database: FaultProxy;
  readonly openfga: FaultProxy;
  /** Undefined where clocks cannot be set. */
  readonly clock: TestClock | undefined;
}

interface Replica {
  readonly server: Server;
  /** Whether it is stopped: it gets no calls until the next one has started. */
  gone: boolean;
  /** Besides the test kit's port, which closes with the server: this one still calls while the server stops. */
  readonly port: Port;
}

/** Replicas of Patwarden over one database and one OpenFGA, both by TLS, and the ways to call them. */
export class Replicas {
  readonly #replicas: Replica[] = [];
  readonly #surroundings: Surroundings[] = [];
  readonly #databaseUrl: string;
  readonly #openfga: OpenFga;
  readonly #authorityFile: string;
  readonly #tally: Tally;

  /** `authorityFile`: the authority of OpenFGA's certificate. */
  constructor(databaseUrl: string, openfga: OpenFga, authorityFile: string, tally: Tally) {
    this.#databaseUrl = databaseUrl;
    this.#openfga = openfga;
    this.#authorityFile = authorityFile;
    this.#tally = tally;
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
    const settings = { database: { max_connections: 5 }, openfga: { tls: true } };
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
    return { server, gone: false, port: grpcPort(server.grpc, server.keys.admin) };
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
    const { port } = this.#at(number);
    const surroundings = this.#surroundings[number];
    if (!surroundings) throw new Error(`no replica ${number}`);
    this.#replicas[number] = await this.#start(surroundings);
    port.close();
  }

  async stop(number: number): Promise<void> {
    const replica = this.#at(number);
    const { server } = replica;
    server.child.kill("SIGTERM");
    const code = await server.exited;
    replica.gone = true;
    if (code !== 0) this.#tally.violated(`a replica ended with ${code}:\n${server.log().slice(-2_000)}`);
  }

  async stopAll(): Promise<void> {
    for (const { port } of this.#replicas) port.close();
    await Promise.all(this.#replicas.map(({ server }) => server.stop()));
    await Promise.all(this.#surroundings.flatMap(({ database, openfga }) => [database.close(), openfga.close()]));
    for (const { clock } of this.#surroundings) clock?.remove();
  }

  /** Makes one attempt, at this replica or any. A failure that callers may not retry is a violation. */
  async call<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageInitShape<I>,
    number = anyOf(this.numbers),
  ): Promise<Reply<MessageShape<O>>> {
    const reply = await this.#at(number).port.call(method, request, { timeoutMs: callTimeoutMs });
    this.#tally.called(method.name, reply.ok ? "OK" : reply.code);
    // When the clock of the database steps back, a rotation may regard an earlier one as concurrent.
    const isRotated = !reply.ok && method.name === "RotateToken" && reply.metadata["state"] === "ROTATED";
    if (!reply.ok && !isRetryable(reply.code) && !isRotated) {
      this.#tally.violated(`${method.name} failed with ${reply.code} ${reply.reason}: ${reply.message}`);
    }
    return reply;
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

export function anyOf<T>(list: readonly T[]): T {
  const chosen = list[Math.floor(Math.random() * list.length)];
  if (chosen === undefined) throw new Error("nothing to choose from");
  return chosen;
}

/** The violation is recorded; the life of this token cannot continue. */
export class GaveUp extends Error {}
