import type { FieldList } from "../http2/fields.js";
import type { ServerConnection } from "../http2/server-connection.js";
import { Deadlines } from "../net/deadlines.js";
import { type CallSettings, ServerCall } from "./server-call.js";
import { codes, type Status } from "./status.js";

/** Makes the object of a call of one method; `P` is what is known of the client. */
export type CallFactory<P> = (
  settings: CallSettings,
  connection: ServerConnection,
  id: number,
  head: FieldList,
  peer: P,
) => ServerCall;

export interface CallServerOptions<P> extends Omit<CallSettings, "deadlines"> {
  /** By path, `/package.Service/Method`. */
  readonly methods: ReadonlyMap<string, CallFactory<P>>;
}

/** The way from a path to its method, and what all calls of a port share. */
export class CallServer<P> implements CallSettings {
  readonly deadlines = new Deadlines();
  readonly maxMessageLength: number;
  readonly requestMs: number;
  readonly failed: (thrown: unknown) => Status;
  readonly late: () => void;
  readonly #methods: ReadonlyMap<string, CallFactory<P>>;

  constructor({ methods, maxMessageLength, requestMs, failed, late }: CallServerOptions<P>) {
    this.#methods = methods;
    this.maxMessageLength = maxMessageLength;
    this.requestMs = requestMs;
    this.failed = failed;
    this.late = late;
  }

  /** The path counts octet for octet: what is routed is what is logged and judged (CVE-2026-33186). */
  readonly open = (connection: ServerConnection, id: number, head: FieldList, peer: P): ServerCall => {
    const create = this.#methods.get(head.path ?? "");
    return create ? create(this, connection, id, head, peer) : new UnknownCall(this, connection, id, head);
  };
}

/** A call of a method that does not exist: it is answered before any of these is called. */
class UnknownCall extends ServerCall {
  constructor(settings: CallSettings, connection: ServerConnection, id: number, head: FieldList) {
    super(settings, connection, id, head, undefined);
  }

  protected onRequest(): void {
    this.finish({ code: codes.unimplemented, message: "no such method" });
  }

  protected onBegin(): void {
    this.onRequest();
  }

  protected onInterrupted(): void {}
}
