/** Settles as `promise` does. When `signal` is aborted first, rejects with its reason and ignores the promise. */
export function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  // The listener is removed each time: a Promise.race against one long-lived promise would keep every loser in memory.
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason);
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}

/** Yields the values of `source`. Throws the reason of `signal` when it is aborted, even if the source ignores it. */
export async function* untilAborted<T>(source: AsyncIterable<T>, signal: AbortSignal): AsyncGenerator<T, void> {
  const iterator = source[Symbol.asyncIterator]();
  // Not awaited: a generator that still waits for something else answers only afterwards.
  const stop = (): void => void iterator.return?.().catch(() => undefined);
  // Also handled between two values: otherwise a reader that never comes back would leave the source open forever.
  signal.addEventListener("abort", stop, { once: true });
  try {
    for (;;) {
      const next = await orAborted(iterator.next(), signal);
      if (next.done) return;
      yield next.value;
    }
  } finally {
    signal.removeEventListener("abort", stop);
    stop();
  }
}
