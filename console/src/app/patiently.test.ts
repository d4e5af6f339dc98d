import { create } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { RetryInfoSchema } from "#gen/google/rpc/error_details_pb.js";
import { patiently } from "./patiently.js";

const overloaded = (milliseconds: number) =>
  new ConnectError("too many", Code.ResourceExhausted, undefined, [
    { desc: RetryInfoSchema, value: create(RetryInfoSchema, { retryDelay: durationFromMs(milliseconds) }) },
  ]);

describe("a call that only reads", () => {
  const failing = (times: number, error: unknown) => {
    let calls = 0;
    const call = async () => {
      calls += 1;
      if (calls <= times) throw error;
      return "read";
    };
    return { call, calls: () => calls };
  };

  it("is repeated while the server asks to wait a little", async () => {
    const { call, calls } = failing(3, overloaded(1));
    expect(await patiently(call)).toBe("read");
    expect(calls()).toBe(4);
  });

  it.each([
    ["a long wait", 3_600_000, {}],
    ["a longer wait than allowed", 10, { longest: 5 }],
  ])("is not repeated after %s", async (_name, milliseconds, patience) => {
    const { call, calls } = failing(1, overloaded(milliseconds));
    await expect(patiently(call, patience)).rejects.toThrow("too many");
    expect(calls()).toBe(1);
  });

  it("is not repeated after another error, nor when nobody waits for it", async () => {
    const broken = failing(1, new ConnectError("broken", Code.Internal));
    await expect(patiently(broken.call)).rejects.toThrow("broken");
    const left = failing(1, overloaded(1));
    await expect(patiently(left.call, { signal: AbortSignal.abort() })).rejects.toThrow("too many");
    expect([broken.calls(), left.calls()]).toEqual([1, 1]);
  });

  it("is given up after some repeats", async () => {
    const { call, calls } = failing(99, overloaded(1));
    await expect(patiently(call, { repeats: 2 })).rejects.toThrow("too many");
    expect(calls()).toBe(3);
  });
});
