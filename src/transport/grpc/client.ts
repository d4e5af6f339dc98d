import { promises as dns, type LookupAddress } from "node:dns";
import { isIP } from "node:net";
import { Deadlines } from "../net/deadlines.js";
import type { DialTls } from "../net/dial.js";
import type { CallOwner, ClientCall } from "./client-call.js";
import { ClientMethod, type MetadataField, sizeOf } from "./client-method.js";
import { ClientStream } from "./client-stream.js";
import { Endpoint, type Target } from "./endpoint.js";
import { prefixOf } from "./messages.js";
import { codes } from "./status.js";

export interface GrpcClientOptions {
  /** Servers that all answer the same; a name stands for all of its addresses. */
  readonly targets: readonly Target[];
  /** Absent: plaintext. */
  readonly tls?: DialTls | undefined;
  /** Sent with each call. Names in lower case. */
  readonly metadata: readonly MetadataField[];
  /** Called with what a defect has thrown. Must not throw. */
  readonly failed: (thrown: unknown) => void;
  /** Returns the addresses of a name. Default: the system's resolver. */
  readonly lookup?: (host: string) => Promise<readonly Pick<LookupAddress, "address">[]>;
}

/** Calls that may wait for a connection. */
const maxWaiting = 1_000;

/** Milliseconds between two looks at every connection. */
const tickMs = 250;

/** Names are looked up again at most so often, milliseconds: the second holds while there is no connection. */
const lookUpSpacing = { readyMs: 30_000, otherwiseMs: 5_000 };

/**
 * Calls to servers of gRPC: in turn to all addresses that have a connection. It connects at the first call. Every call
 * ends at its deadline at the latest, and none is sent twice, but for one that provably no server has looked at.
 */
export class GrpcClient implements CallOwner {
  readonly #options: GrpcClientOptions;
  #endpoints: readonly Endpoint[] = [];
  #ready: readonly Endpoint[] = [];
  /** The one of `#ready` whose turn it is. */
  #next = 0;
  readonly #waiting = new Set<ClientCall>();
  readonly #deadlines = new Deadlines();
  #ticking: NodeJS.Timeout | undefined;
  #isClosed = false;
  #lookingUp = false;
  #lookUpDue = false;
  #lookedUpAt = Number.NEGATIVE_INFINITY;
  #lookUpProblem = "";

  constructor(options: GrpcClientOptions) {
    this.#options = options;
  }

  /** @param path `/package.Service/Method`. */
  method(path: string, { streams = false } = {}): ClientMethod {
    const { targets, tls, metadata } = this.#options;
    return new ClientMethod({ path, streams, tls: tls !== undefined, authorities: targets.map(authorityOf), metadata });
  }

  /** Begins a call; it may end before this returns. */
  start(call: ClientCall): void {
    call.owner = this;
    if (this.#isClosed) {
      call.end(codes.unavailable, "the client is closed");
    } else if (call.expiresAt <= performance.now()) {
      call.end(codes.deadlineExceeded, "the deadline has passed");
    } else {
      this.#deadlines.add(call);
      if (!this.#ticking) this.#begin();
      this.#place(call, undefined);
    }
  }

  /** Ends all calls and connections. */
  close(): void {
    this.#isClosed = true;
    for (const call of [...this.#waiting]) call.end(codes.unavailable, "the client is closed");
    for (const endpoint of this.#endpoints) endpoint.close();
    this.#ready = [];
  }

  ended(call: ClientCall): void {
    this.#waiting.delete(call);
    this.#deadlines.remove(call);
  }

  sendAgain(call: ClientCall): boolean {
    if (call.attempts > 1 || this.#isClosed) return false;
    const refusing = call.stream?.connection;
    call.stream = undefined;
    this.#place(call, refusing);
    return true;
  }

  #begin(): void {
    this.#ticking = setInterval(() => this.#tick(), tickMs).unref();
    this.#lookUp();
  }

  /** Sends a call, lets it wait, or ends it. */
  #place(call: ClientCall, refusing: unknown): void {
    const endpoint = this.#pick(refusing);
    if (endpoint) this.#send(call, endpoint);
    else if (!this.#mayConnect) call.end(codes.unavailable, this.#problem);
    else if (this.#waiting.size >= maxWaiting) call.end(codes.unavailable, `${maxWaiting} calls wait already`);
    else this.#waiting.add(call);
  }

  /** Returns the next endpoint in turn with room; the one that has refused the call only if there is no other. */
  #pick(refusing: unknown): Endpoint | undefined {
    const ready = this.#ready;
    let last: Endpoint | undefined;
    for (let tried = 0; tried < ready.length; tried++) {
      this.#next = this.#next + 1 < ready.length ? this.#next + 1 : 0;
      const endpoint = ready[this.#next] as Endpoint;
      if (!endpoint.connection?.hasRoom) continue;
      if (endpoint.connection !== refusing) return endpoint;
      last = endpoint;
    }
    return last;
  }

  #send(call: ClientCall, endpoint: Endpoint): void {
    const { connection } = endpoint;
    if (!connection) return;
    const { method, metadata, request } = call;
    const head = method.heads[endpoint.index];
    if (!head) throw new Error("a method of another client");
    const size = head.size + (metadata.length > 0 ? sizeOf(metadata) : 0);
    if (size > connection.maxFieldListSize) {
      call.end(codes.internal, "the metadata is longer than the server accepts");
      return;
    }
    const now = performance.now();
    const left = call.expiresAt - now;
    const stream = new ClientStream(connection, call);
    call.stream = stream;
    call.attempts++;
    connection.start(stream, metadata.length > 0 ? head.blockWith(metadata, left) : head.block(left), now);
    connection.sendData(stream, prefixOf(request.length), request, true);
  }

  /** Whether a call that waits can still be sent. */
  get #mayConnect(): boolean {
    if (this.#lookingUp && this.#endpoints.length === 0) return true;
    return this.#endpoints.some(({ state }) => state === "ready" || state === "connecting");
  }

  get #problem(): string {
    const problems = this.#endpoints.map(({ problem }) => problem);
    return [...new Set(problems.length > 0 ? problems : [this.#lookUpProblem])].join("; ");
  }

  /** Called when an endpoint has changed. */
  #changed(): void {
    if (this.#isClosed) return;
    this.#ready = this.#endpoints.filter(({ state }) => state === "ready");
    for (const call of this.#waiting) {
      const endpoint = this.#pick(undefined);
      if (!endpoint) break;
      this.#waiting.delete(call);
      this.#send(call, endpoint);
    }
    if (this.#waiting.size === 0 || this.#mayConnect) return;
    const problem = this.#problem;
    for (const call of [...this.#waiting]) call.end(codes.unavailable, problem);
  }

  #tick(): void {
    const now = performance.now();
    for (const endpoint of this.#endpoints) endpoint.tick(now);
    if (this.#endpoints.some(({ isGone }) => isGone)) this.#endpoints = this.#endpoints.filter(({ isGone }) => !isGone);
    if (this.#isClosed) {
      if (this.#endpoints.length === 0) clearInterval(this.#ticking);
      return;
    }
    const spacing = this.#ready.length > 0 ? lookUpSpacing.readyMs : lookUpSpacing.otherwiseMs;
    if (this.#lookUpDue && now - this.#lookedUpAt >= spacing) this.#lookUp();
  }

  #lookUp(): void {
    if (this.#lookingUp) return;
    this.#lookUpDue = false;
    this.#lookedUpAt = performance.now();
    const { targets, lookup = systemLookup } = this.#options;
    const literal = targets.flatMap(({ host }, index) => (isIP(host) > 0 ? [{ index, address: host }] : []));
    if (literal.length === targets.length) {
      // Nothing to wait for, and nothing that could change.
      if (this.#endpoints.length === 0) this.#reconcile(literal);
      return;
    }
    this.#lookingUp = true;
    const lookingUp = targets.map(({ host }, index) => {
      if (isIP(host) > 0) return [{ index, address: host }];
      return lookup(host).then(
        (found) => found.map(({ address }) => ({ index, address })),
        (error: unknown) => {
          this.#lookUpProblem = `Name resolution failed: ${error instanceof Error ? error.message : error}`;
          this.#lookUpDue = true;
          // The addresses that were known stay.
          return this.#endpoints.filter((endpoint) => endpoint.index === index && endpoint.state !== "closed");
        },
      );
    });
    void Promise.all(lookingUp).then((found) => {
      this.#lookingUp = false;
      if (!this.#isClosed) this.#reconcile(found.flat());
    });
  }

  /** Connects to what is new, and retires what is not there any more. */
  #reconcile(found: readonly { readonly index: number; readonly address: string }[]): void {
    const { targets, tls, failed } = this.#options;
    const wanted = new Map(found.map(({ index, address }) => [`${index} ${address}`, { index, address }]));
    for (const endpoint of this.#endpoints) {
      if (endpoint.state !== "closed" && !wanted.delete(`${endpoint.index} ${endpoint.address}`)) endpoint.retire();
    }
    const made = [...wanted.values()].map(
      ({ index, address }) =>
        new Endpoint({
          target: targets[index] as Target,
          index,
          address,
          tls,
          events: {
            changed: () => this.#changed(),
            doubtful: () => {
              this.#lookUpDue = true;
            },
            failed,
          },
        }),
    );
    this.#endpoints = [...this.#endpoints, ...made];
    for (const endpoint of made) endpoint.connect();
    this.#changed();
  }
}

const systemLookup = (host: string): Promise<LookupAddress[]> => dns.lookup(host, { all: true });

function authorityOf({ host, port }: Target): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}
