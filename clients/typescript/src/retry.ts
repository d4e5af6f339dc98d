/** The most attempts of one call, including the first. */
export const maxAttempts = 4;

const firstDelayMs = 50;
const maxDelayMs = 1_000;

/**
 * Returns the delay after a failed attempt, milliseconds. `attempt` counts from 1. Jitter of a fifth keeps clients from
 * returning all at once.
 */
export function retryDelayMs(attempt: number): number {
  return Math.min(firstDelayMs * 2 ** (attempt - 1), maxDelayMs) * (0.8 + 0.4 * Math.random());
}

const maxTokens = 10;
const tokenRatio = 0.1;

/**
 * gRPC's retry throttling (gRFC A6) for a whole client: each failure takes a token, ten successes give one back, and
 * there are no retries while half of them are gone. So retries cannot double the load of a server that is down.
 */
export class RetryBudget {
  #tokens = maxTokens;

  succeeded(): void {
    this.#tokens = Math.min(maxTokens, this.#tokens + tokenRatio);
  }

  /** Counts a failure, and returns true if it may be retried. */
  failed(): boolean {
    this.#tokens = Math.max(0, this.#tokens - 1);
    return this.#tokens > maxTokens / 2;
  }
}
