import { Counter, collectDefaultMetrics, Gauge, Registry } from "prom-client";
import { type LimitName, limitNames } from "../callers/limits.js";
import { type Reason, reasons } from "../domain/reason.js";
import { type ArrivalEvents, closings, httpClosings, latenesses } from "../transport/arrivals.js";
import { CallDurations } from "./call-durations.js";

/**
 * The events that are counted. Labels have few values, never a token, subject or resource: those would make the number
 * of metrics endless and show their reader which subject does what.
 */
export interface Metrics {
  readonly registry: Registry;
  /** A call ended: `method` as `patwarden.v1.AuthorizationService/Check`, `code` the canonical name of its status. */
  rpcEnded(method: string, code: string, durationMs: number): void;
  /** A decision was made. */
  decided(reason: Reason): void;
  /** A read asked the database for the secrets of these digests. */
  tokenLookedUp(digests: number): void;
  /** Questions to OpenFGA ended: `method` of the call as `Check`, `outcome` of the questions. */
  openfgaCallEnded(method: string, outcome: string, questions: number): void;
  /** A management call was refused because its caller makes such calls too fast. */
  callLimited(limit: LimitName): void;
  /** Shows cache and lease whenever the metrics are read. */
  observeTokenCache(observed: ObservedTokenCache): void;
  /** A decision could not be counted for QueryUsage: too many counts wait for the database. */
  usageLost(): void;
  /** An integration answered; both labels have few values. */
  integrationAnswered(integration: string, answer: string): void;
  /** An access token was refused for this reason; the issuer is a configured one, or undefined. */
  accessTokenRefused(issuer: string | undefined, reason: string): void;
  /** Returns the functions that count connections that a port closed and requests that it gave up. */
  arrivalsAt(port: PortName): ArrivalEvents;
  /** Shows the connections of the gRPC port whenever the metrics are read. */
  observeConnections(observed: () => ObservedConnections): void;
  /** Returns the function that counts sign-ins to the console, each by one of these outcomes. */
  signInsBy<O extends string>(outcomes: readonly O[]): (outcome: O) => void;
  /** A kept answer answered a question. */
  answerKept(): void;
  /** A question joined an identical one that had not been sent yet. */
  questionJoined(): void;
  /** This configuration is now in use. */
  configured(hash: string): void;
}

export type PortName = "grpc" | "http" | "public_http" | "console";

/** The connections of a port; memory in bytes. */
export interface ObservedConnections {
  readonly open: number;
  readonly memory: number;
  readonly largestMemory: number;
}

/** The observable values of the token cache and its lease. */
export interface ObservedTokenCache {
  readonly cache: {
    readonly size: number;
    readonly bytes: number;
    readonly hits: number;
    readonly seen: number;
  };
  leaseMs(): number;
  notified(): boolean;
}

// Seconds. A Check takes one or two milliseconds, so most buckets are there; the last ones are deadlines.
const buckets = [0.00025, 0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1, 2.5, 10];

/**
 * Creates metrics in their own registry, with those of the process: CPU, memory, garbage collection, event-loop delay.
 */
export function createMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  return {
    registry,
    ...calls(registers),
    ...decisions(registers),
    ...questions(registers),
    ...integrations(registers),
    ...ports(registers),
    ...signIns(registers),
    configured: configuration(registers),
    observeTokenCache: (observed) => showTokenCache(registers, observed),
  };
}

type Registers = Registry[];

function calls(registers: Registers): Pick<Metrics, "rpcEnded" | "callLimited"> {
  const durations = new CallDurations(buckets, registers);
  const limited = new Counter({
    name: "patwarden_calls_limited_total",
    help: "Management calls of users that were refused for too many calls, by limit",
    labelNames: ["limit"],
    registers,
  });
  // A rate over a counter that appears with its first event misses that event.
  for (const limit of limitNames) limited.inc({ limit }, 0);
  return {
    rpcEnded: (method, code, durationMs) => durations.observe(method, code, durationMs / 1000),
    callLimited: (limit) => limited.inc({ limit }),
  };
}

function decisions(registers: Registers): Pick<Metrics, "decided" | "tokenLookedUp" | "usageLost"> {
  const decided = new Map<Reason, number>();
  const made = new Counter({
    name: "patwarden_decisions_total",
    help: "Decisions by reason",
    labelNames: ["reason"],
    registers,
    // Counted at each scrape: finding the labels again at each Check takes longer than the rest of its counting.
    collect() {
      for (const [reason, count] of decided) this.inc({ reason }, count);
      decided.clear();
    },
  });
  for (const reason of Object.keys(reasons)) made.inc({ reason }, 0);
  const lookups = new Counter({
    name: "patwarden_token_lookups_total",
    help: "Secrets that were looked up in the database",
    registers,
  });
  const lost = new Counter({
    name: "patwarden_usage_lost_decisions_total",
    help: "Decisions that were made but not counted in the usage, and so not billed",
    registers,
  });
  return {
    decided: (reason) => void decided.set(reason, (decided.get(reason) ?? 0) + 1),
    tokenLookedUp: (digests) => lookups.inc(digests),
    usageLost: () => lost.inc(),
  };
}

/** Questions to OpenFGA. */
function questions(registers: Registers): Pick<Metrics, "openfgaCallEnded" | "answerKept" | "questionJoined"> {
  const asked = new Counter({
    name: "patwarden_openfga_calls_total",
    help: "Calls to OpenFGA by outcome",
    labelNames: ["method", "outcome"],
    registers,
  });
  let kept = 0;
  new Counter({
    name: "patwarden_openfga_kept_answers_total",
    help: "Questions that were answered by a kept answer within max_staleness",
    registers,
    // As above.
    collect() {
      this.inc(kept);
      kept = 0;
    },
  });
  const joined = new Counter({
    name: "patwarden_openfga_joined_questions_total",
    help: "Questions that joined an identical question to OpenFGA",
    registers,
  });
  return {
    openfgaCallEnded: (method, outcome, questions) => asked.inc({ method, outcome }, questions),
    answerKept: () => void kept++,
    questionJoined: () => joined.inc(),
  };
}

function integrations(registers: Registers): Pick<Metrics, "integrationAnswered" | "accessTokenRefused"> {
  const answers = new Counter({
    name: "patwarden_integration_answers_total",
    help: "Answers of the standard integrations",
    labelNames: ["integration", "answer"],
    registers,
  });
  const refused = new Counter({
    name: "patwarden_access_tokens_refused_total",
    help: "Access tokens that were refused, by configured issuer (empty: no configured one) and reason",
    labelNames: ["issuer", "reason"],
    registers,
  });
  return {
    integrationAnswered: (integration, answer) => answers.inc({ integration, answer }),
    accessTokenRefused: (issuer = "", reason) => refused.inc({ issuer, reason }),
  };
}

function ports(registers: Registers): Pick<Metrics, "arrivalsAt" | "observeConnections"> {
  const closed = new Counter({
    name: "patwarden_connections_closed_total",
    help: "Connections that a port closed by itself, by cause; docs/grpc-port.md says what each one means",
    labelNames: ["port", "cause"],
    registers,
  });
  const givenUp = new Counter({
    name: "patwarden_requests_given_up_total",
    help: "Requests that a port gave up, by cause",
    labelNames: ["port", "cause"],
    registers,
  });
  return {
    arrivalsAt(port) {
      for (const cause of port === "grpc" ? closings : httpClosings) closed.inc({ port, cause }, 0);
      for (const cause of latenesses) givenUp.inc({ port, cause }, 0);
      return { closed: (cause) => closed.inc({ port, cause }), gaveUp: (cause) => givenUp.inc({ port, cause }) };
    },
    observeConnections: (observed) => showConnections(registers, observed),
  };
}

function showConnections(registers: Registers, observed: () => ObservedConnections): void {
  const gauges = [
    ["patwarden_grpc_connections", "Open connections of the gRPC port", "open"],
    [
      "patwarden_grpc_connections_bytes",
      "Bytes that the gRPC port holds for requests that arrive or run and for replies that were not read yet",
      "memory",
    ],
    [
      "patwarden_grpc_largest_connection_bytes",
      "Bytes that the gRPC port holds for the connection for which it holds most",
      "largestMemory",
    ],
  ] as const;
  for (const [name, help, value] of gauges) {
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(observed()[value]);
      },
    });
  }
}

function signIns(registers: Registers): Pick<Metrics, "signInsBy"> {
  const ended = new Counter({
    name: "patwarden_console_sign_ins_total",
    help: "Sign-ins to the console that ended, by outcome: signed_in, or why it was refused",
    labelNames: ["outcome"],
    registers,
  });
  return {
    signInsBy(outcomes) {
      for (const outcome of outcomes) ended.inc({ outcome }, 0);
      return (outcome) => ended.inc({ outcome });
    },
  };
}

function configuration(registers: Registers): Metrics["configured"] {
  const info = new Gauge({
    name: "patwarden_config_info",
    help: "1 for the hash of the configuration in use; replicas with the same configuration have the same hash",
    labelNames: ["hash"],
    registers,
  });
  return (hash) => {
    info.reset();
    info.set({ hash }, 1);
  };
}

function showTokenCache(registers: Registers, { cache, leaseMs, notified }: ObservedTokenCache): void {
  const show = (name: string, help: string, read: () => number): void => {
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });
  };
  show("patwarden_token_cache_entries", "Token records in memory", () => cache.size);
  show("patwarden_token_cache_bytes", "Estimated size of the token records in memory", () => cache.bytes);
  show("patwarden_token_cache_hits", "Tokens served from memory since the start", () => cache.hits);
  show(
    "patwarden_lease_seconds",
    "Seconds left of the lease under which token records are served",
    () => leaseMs() / 1000,
  );
  show(
    "patwarden_revocation_epoch",
    "Epoch of the newest change that this replica has applied; replicas should agree",
    () => cache.seen,
  );
  show("patwarden_revocation_notifications", "1 when notifications of changes arrive from the database", () =>
    Number(notified()),
  );
}
