import { getEventListeners } from "node:events";
import { describe, expect, it } from "vitest";
import { orAborted, untilAborted } from "./abort.js";

const never = new Promise<never>(() => undefined);

async function* numbers(): AsyncGenerator<number> {
  yield 1;
  yield 2;
}

describe("orAborted", () => {
  it("passes a result and an error through and leaves no listener behind", async () => {
    const { signal } = new AbortController();
    await expect(orAborted(Promise.resolve(1), signal)).resolves.toBe(1);
    await expect(orAborted(Promise.reject(new Error("x")), signal)).rejects.toThrow("x");
    await new Promise(setImmediate);
    expect(getEventListeners(signal, "abort")).toEqual([]);
  });

  it("rejects with the reason, before and during the wait", async () => {
    const controller = new AbortController();
    const waiting = orAborted(never, controller.signal);
    controller.abort("reason");
    await expect(waiting).rejects.toBe("reason");
    await expect(orAborted(never, controller.signal)).rejects.toBe("reason");
  });
});

describe("untilAborted", () => {
  it("yields everything of a source that ends", async () => {
    const seen: number[] = [];
    for await (const value of untilAborted(numbers(), new AbortController().signal)) seen.push(value);
    expect(seen).toEqual([1, 2]);
  });

  it("throws the reason even when the source never yields again, and lets the source clean up", async () => {
    const controller = new AbortController();
    let cleaned = false;
    const source = {
      [Symbol.asyncIterator]: () => ({
        next: () => never,
        return: async () => {
          cleaned = true;
          return { done: true as const, value: undefined };
        },
      }),
    };
    const next = untilAborted(source, controller.signal).next();
    controller.abort("reason");
    await expect(next).rejects.toBe("reason");
    expect(cleaned).toBe(true);
  });

  it("lets the source clean up while its reader does not come back for more", async () => {
    const controller = new AbortController();
    let cleaned = false;
    async function* source(): AsyncGenerator<number> {
      try {
        yield* numbers();
      } finally {
        cleaned = true;
      }
    }
    await untilAborted(source(), controller.signal).next();
    controller.abort();
    await new Promise(setImmediate);
    expect(cleaned).toBe(true);
  });

  it("lets the source clean up when its reader stops early", async () => {
    let cleaned = false;
    async function* source(): AsyncGenerator<number> {
      try {
        yield* numbers();
      } finally {
        cleaned = true;
      }
    }
    for await (const value of untilAborted(source(), new AbortController().signal)) if (value === 1) break;
    await new Promise(setImmediate);
    expect(cleaned).toBe(true);
  });
});
