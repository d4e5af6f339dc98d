import type { TokenId } from "../token/token.js";

/**
 * The rotations that run in one process. A call that had to wait for a connection reads the token only after another call has rotated it, and could
 * not tell by what it reads that it is late.
 */
export class RunningRotations {
  /** For each token, its calls that run, and how often they have rotated it since the first of them began. */
  readonly #ofToken = new Map<TokenId, { calls: number; rotations: number }>();

  /** Runs one call. The count that it is given grows when it, or a call beside it, rotates the token. */
  async run<Result>(id: TokenId, call: (count: { rotations: number }) => Promise<Result>): Promise<Result> {
    const running = this.#ofToken.get(id) ?? { calls: 0, rotations: 0 };
    this.#ofToken.set(id, running);
    running.calls++;
    try {
      return await call(running);
    } finally {
      if (--running.calls === 0) this.#ofToken.delete(id);
    }
  }
}
