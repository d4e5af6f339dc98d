import type { DescMethod } from "@bufbuild/protobuf";

export interface ChannelOptions {
  /** `host:port`, at least one. With several, calls go to those that answer. */
  readonly addresses: readonly string[];
  readonly tls: boolean;
  /** Preshared key; undefined when OpenFGA needs none. */
  readonly apiKey: string | undefined;
  /** Called with the error of a defect in the engine, which cost a call or a connection. */
  readonly onDefect?: (error: unknown) => void;
}

/**
 * Sends calls. Each one ends by `giveUpAt` or `deadline`, an instant of `performance.now()`, and no call rejects.
 * Nothing is called after `close`.
 */
export interface Channel {
  unary<T>(method: DescMethod, request: Buffer, decode: (answer: Buffer) => T, giveUpAt: number): Promise<Reply<T>>;
  stream(method: DescMethod, request: Buffer, options: StreamOptions): AsyncGenerator<Buffer, Refused | undefined>;
  close(): void;
}

/** The reply to a call. Numbers from 1000 upwards are OpenFGA's own codes and not gRPC's. */
export type Reply<T> = { readonly ok: true; readonly value: T } | Refused;

export interface Refused {
  readonly ok: false;
  readonly code: number;
  readonly details: string;
  /** By our own clock: the number alone is not enough (1, 4, 2058 and 4004 were all seen). */
  readonly deadlinePassed: boolean;
  readonly cancelled: boolean;
}

export interface StreamOptions {
  /** Instant of `performance.now()` at which the call ends. */
  readonly deadline: number;
  /** Ends the call when it is aborted. */
  readonly signal?: AbortSignal | undefined;
}

/** `/package.Service/Method`. */
export function pathOf(method: DescMethod): string {
  return `/${method.parent.typeName}/${method.name}`;
}

export function refused(code: number, details: string, giveUpAt: number, signal?: AbortSignal): Refused {
  return {
    ok: false,
    code,
    details,
    // The timers of an engine and this clock may differ by a millisecond.
    deadlinePassed: performance.now() >= giveUpAt - 1,
    cancelled: signal?.aborted ?? false,
  };
}
