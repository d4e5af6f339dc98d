import type { FieldList } from "../http2/fields.js";
import type { ServerConnection } from "../http2/server-connection.js";
import { Deadlines } from "../net/deadlines.js";
import { type CallSettings, ServerCall, shownPath } from "./server-call.js";
import type { Status } from "./status.js";

/** Makes the object of a call of one method; `P` is what is known of the client. */
export type CallFactory<P> = (
  server: CallServer<P>,
  connection: ServerConnection,
  id: number,
  head: FieldList,
  peer: P,
) => ServerCall;

export interface CallServerOptions<P> extends Omit<CallSettings, "deadlines"> {
  /** By path, `/package.Service/Method`. */
  readonly methods: ReadonlyMap<string, CallFactory<P>>;
  /** Called for each call that was refused before it reached a handler. Must not throw. */
  readonly refused?: (path: string, status: Status, peer: P) => void;
}

/** The way from a path to its method, and what all calls of a port share. */
export class CallServer<P> implements CallSettings {
  readonly deadlines = new Deadlines();
  readonly maxMessageLength: number;
  readonly requestMs: number;
  readonly failed: (thrown: unknown) => Status;
  readonly late: () => void;
  readonly hints: ReadonlyMap<string, string> | undefined;
  readonly #refused: CallServerOptions<P>["refused"];
  readonly #methods: ReadonlyMap<string, CallFactory<P>>;

  constructor({ methods, maxMessageLength, requestMs, failed, late, hints, refused }: CallServerOptions<P>) {
    this.#methods = methods;
    this.maxMessageLength = maxMessageLength;
    this.requestMs = requestMs;
    this.failed = failed;
    this.late = late;
    this.hints = hints;
    this.#refused = refused;
  }

  /** The path counts octet for octet: what is routed is what is logged and judged (CVE-2026-33186). */
  readonly open = (connection: ServerConnection, id: number, head: FieldList, peer: P): ServerCall => {
    const create = this.#methods.get(head.path ?? "");
    return create ? create(this, connection, id, head, peer) : new UnknownCall(this, connection, id, head, peer);
  };

  /** Tells of a call that was refused before it reached a handler. */
  refused({ head }: ServerCall, status: Status, peer: P): void {
    this.#refused?.(shownPath(head.path ?? ""), status, peer);
  }
}

/** A call of a method that does not exist: it is refused before a request could be read. */
class UnknownCall<P> extends ServerCall {
  readonly #server: CallServer<P>;
  readonly #peer: P;

  constructor(server: CallServer<P>, connection: ServerConnection, id: number, head: FieldList, peer: P) {
    super(server, connection, id, head, undefined);
    this.#server = server;
    this.#peer = peer;
  }

  protected override onRefused(status: Status): void {
    this.#server.refused(this, status, this.#peer);
  }

  protected onRequest(): void {}
  protected onBegin(): void {}
  protected onInterrupted(): void {}
}
