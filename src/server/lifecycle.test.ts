import { describe, expect, it } from "vitest";
import { startInOrder } from "./lifecycle.js";

function setUp(failing?: string) {
  const events: string[] = [];
  const start = async (onStop: (stop: () => unknown) => void): Promise<string> => {
    for (const name of ["a", "b", "c"]) {
      await Promise.resolve();
      if (name === failing) throw new Error(`${name} failed`);
      events.push(`start ${name}`);
      onStop(async () => {
        await Promise.resolve();
        events.push(`stop ${name}`);
      });
    }
    return "all";
  };
  return { events, start };
}

describe("what runs while the server does", () => {
  it("starts in order, and stops in reverse", async () => {
    const { events, start } = setUp();
    const { value, stop } = await startInOrder(start);
    expect(value).toBe("all");
    expect(events).toEqual(["start a", "start b", "start c"]);
    await stop();
    expect(events.slice(3)).toEqual(["stop c", "stop b", "stop a"]);
  });

  it.each([
    ["the first", "a", []],
    ["one in between", "b", ["start a", "stop a"]],
    ["the last", "c", ["start a", "start b", "stop b", "stop a"]],
  ])("leaves nothing behind when %s fails", async (_, failing, expected) => {
    const { events, start } = setUp(failing);
    await expect(startInOrder(start)).rejects.toThrow(`${failing} failed`);
    expect(events).toEqual(expected);
  });

  it("stops once, however often that is asked for", async () => {
    const { events, start } = setUp();
    const { stop } = await startInOrder(start);
    await Promise.all([stop(), stop()]);
    await stop();
    expect(events.slice(3)).toEqual(["stop c", "stop b", "stop a"]);
  });
});
