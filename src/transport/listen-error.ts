/** The error of a port that cannot be opened. */
export class ListenError extends Error {
  /** Node's error code, such as EADDRINUSE; empty when there is none. */
  readonly code: string;

  constructor(message: string, code: string) {
    super(message);
    this.code = code;
  }
}

const meanings: Readonly<Record<string, string>> = {
  EADDRINUSE: "another process uses this port",
  EADDRNOTAVAIL: "no network interface of this machine has this address",
  EACCES: "this user may not open this port",
  ENOTFOUND: "there is no host of this name",
};

/**
 * Returns the reason why `host:port` cannot be listened on. Node gives the code, grpc-js only a text that contains it.
 */
export function listenError(listen: string, error: unknown): ListenError {
  const text = error instanceof Error ? ("code" in error ? String(error.code) : error.message) : String(error);
  const code = /\bE[A-Z]{4,}\b/.exec(text)?.[0] ?? "";
  const meaning = meanings[code];
  const why = meaning === undefined ? text : `${meaning} (${code})`;
  return new ListenError(`cannot listen on ${listen}: ${why}`, code);
}
