/** Attempts of one call, the first included. */
export const maxAttempts = 4;

const firstDelayMs = 50;
const maxDelayMs = 1_000;

/** How long to wait after an attempt that failed, milliseconds. `attempt` counts from 1. Spread by a fifth, so that clients do not come back as one. */
export function retryDelayMs(attempt: number): number {
  return Math.min(firstDelayMs * 2 ** (attempt - 1), maxDelayMs) * (0.8 + 0.4 * Math.random());
}

const maxTokens = 10;
const tokenRatio = 0.1;

/**
 * gRPC's retry throttling (gRFC A6), for a client as a whole: each failure costs a token, ten successes earn one, and there is no retry while half of
 * them are gone. So retries never double the load of a server that is down.
 */
export class RetryBudget {
  #tokens = maxTokens;

  succeeded(): void {
    this.#tokens = Math.min(maxTokens, this.#tokens + tokenRatio);
  }

  /** Whether what failed may be tried again. */
  failed(): boolean {
    this.#tokens = Math.max(0, this.#tokens - 1);
    return this.#tokens > maxTokens / 2;
  }
}
