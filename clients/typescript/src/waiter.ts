import { PatwardenError } from "./errors.js";

/** How long a caller waits. */
export interface Patience {
  /** Milliseconds since the epoch; Infinity for none. */
  readonly deadline: number;
  readonly signal?: AbortSignal | undefined;
}

export function cancelled(signal: AbortSignal): PatwardenError {
  return new PatwardenError({ code: "CANCELLED", text: "cancelled by the caller", cause: signal.reason });
}

const watchers = new WeakMap<AbortSignal, Set<() => void>>();

/**
 * Calls back once when the signal aborts; the returned function cancels that. All callbacks share one listener, because
 * Node warns of more than ten.
 */
export function onAbort(signal: AbortSignal, callback: () => void): () => void {
  const found = watchers.get(signal);
  const callbacks = found ?? new Set();
  callbacks.add(callback);
  if (!found) {
    watchers.set(signal, callbacks);
    signal.addEventListener("abort", () => callAll(callbacks), { once: true });
  }
  return () => callbacks.delete(callback);
}

function callAll(callbacks: Set<() => void>): void {
  for (const callback of callbacks) callback();
  callbacks.clear();
}

/** The longest delay of a timer; a longer one fires at once. */
const longestTimerMs = 2 ** 31 - 1;

interface Settle<T> {
  readonly resolve: (value: T) => void;
  readonly reject: (reason: unknown) => void;
}

/** A promise that is settled by an answer, its deadline or its signal, whichever comes first. */
export class Waiter<T> {
  readonly promise: Promise<T>;
  readonly patience: Patience;
  /** Called when the deadline or the signal came before an answer. */
  onGivenUp: (() => void) | undefined;
  #settle: Settle<T> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #unwatch: (() => void) | undefined;

  constructor(patience: Patience) {
    this.patience = patience;
    this.promise = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    const { deadline, signal } = patience;
    const remainingMs = deadline - Date.now();
    if (signal?.aborted) this.#giveUp(cancelled(signal));
    else if (remainingMs <= 0) this.#giveUp(timeIsOver());
    else {
      if (remainingMs <= longestTimerMs) this.#timer = setTimeout(() => this.#giveUp(timeIsOver()), remainingMs);
      if (signal) this.#unwatch = onAbort(signal, () => this.#giveUp(cancelled(signal)));
    }
  }

  get settled(): boolean {
    return this.#settle === undefined;
  }

  /** Has no effect once it is settled. */
  resolve(value: T): void {
    this.#end()?.resolve(value);
  }

  /** Has no effect once it is settled. */
  reject(reason: unknown): void {
    this.#end()?.reject(reason);
  }

  #giveUp(error: PatwardenError): void {
    if (this.settled) return;
    this.reject(error);
    this.onGivenUp?.();
  }

  #end(): Settle<T> | undefined {
    const settle = this.#settle;
    this.#settle = undefined;
    clearTimeout(this.#timer);
    this.#unwatch?.();
    return settle;
  }
}

function timeIsOver(): PatwardenError {
  return new PatwardenError({ code: "DEADLINE_EXCEEDED", text: "the deadline was exceeded before an answer came" });
}

/** Settles as `promise` does, unless the patience ends first. */
export function within<T>(promise: Promise<T>, patience: Patience): Promise<T> {
  const waiter = new Waiter<T>(patience);
  promise.then(
    (value) => waiter.resolve(value),
    (reason: unknown) => waiter.reject(reason),
  );
  return waiter.promise;
}
