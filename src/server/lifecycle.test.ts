import { describe, expect, it } from "vitest";
import { type Stage, startInOrder } from "./lifecycle.js";

function setUp(failing?: string) {
  const events: string[] = [];
  const stage = (name: string): Stage => ({
    name,
    start: async () => {
      await Promise.resolve();
      if (name === failing) throw new Error(`${name} failed`);
      events.push(`start ${name}`);
    },
    stop: async () => {
      await Promise.resolve();
      events.push(`stop ${name}`);
    },
  });
  return { events, stages: [stage("a"), { name: "b" }, stage("c"), stage("d")] };
}

describe("the stages of the server", () => {
  it("start in order, and stop in reverse", async () => {
    const { events, stages } = setUp();
    const stop = await startInOrder(stages);
    expect(events).toEqual(["start a", "start c", "start d"]);
    await stop();
    expect(events.slice(3)).toEqual(["stop d", "stop c", "stop a"]);
  });

  it.each([
    ["the first", "a", []],
    ["one in between", "c", ["start a", "stop a"]],
    ["the last", "d", ["start a", "start c", "stop c", "stop a"]],
  ])("leave nothing behind when %s fails", async (_, failing, expected) => {
    const { events, stages } = setUp(failing);
    await expect(startInOrder(stages)).rejects.toThrow(`${failing} failed`);
    expect(events).toEqual(expected);
  });

  it("stop once, however often that is asked for", async () => {
    const { events, stages } = setUp();
    const stop = await startInOrder(stages);
    await Promise.all([stop(), stop()]);
    expect(events.filter((event) => event.startsWith("stop")).sort()).toEqual(["stop a", "stop c", "stop d"]);
  });
});
