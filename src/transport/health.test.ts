import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import * as grpc from "@grpc/grpc-js";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  Health,
  HealthCheckRequestSchema,
  HealthCheckResponseSchema,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from "#gen/grpc/health/v1/health_pb.js";
import { grpcPort, httpPort } from "../../test/kit/ports.js";
import { type BothPorts, startBothPorts } from "../../test/kit/transport.js";
import { peerAddress } from "../domain/network.js";
import { HealthService, watchLimits } from "./health.js";
import type { CallContext } from "./service.js";

const { SERVING, NOT_SERVING, SERVICE_UNKNOWN } = ServingStatus;
const { check, list } = Health.method;

let health: HealthService;
let both: BothPorts;
let client: grpc.Client;
beforeEach(async () => {
  health = new HealthService(["a.Service"]);
  both = await startBothPorts([health.implementation]);
  client = new grpc.Client(both.grpc.address, grpc.credentials.createInsecure());
});
afterEach(async () => {
  client.close();
  await both.stop();
});

describe.each(["gRPC", "HTTP"])("health over %s", (name) => {
  const port = () => (name === "gRPC" ? grpcPort(both.grpc.address, "") : httpPort(`http://${both.http.address}`, ""));

  it("says NOT_SERVING until a service is set to serving, each service separately", async () => {
    const ask = async (service: string) => {
      const reply = await port().call(check, { service }, { key: null });
      return reply.ok ? reply.value.status : reply.code;
    };
    expect([await ask(""), await ask("a.Service"), await ask("b.Service")]).toEqual([
      NOT_SERVING,
      NOT_SERVING,
      "NOT_FOUND",
    ]);
    health.set("", true);
    expect([await ask(""), await ask("a.Service")]).toEqual([SERVING, NOT_SERVING]);
    health.set("a.Service", true);
    expect(await ask("a.Service")).toBe(SERVING);
    health.drain();
    health.set("a.Service", true);
    expect([await ask(""), await ask("a.Service")]).toEqual([NOT_SERVING, NOT_SERVING]);
  });

  it("lists every service", async () => {
    health.set("a.Service", true);
    const reply = await port().call(list, {}, { key: null });
    expect(reply).toMatchObject({
      ok: true,
      value: { statuses: { "": { status: NOT_SERVING }, "a.Service": { status: SERVING } } },
    });
  });
});

/** Reads a Watch message by message. */
function watch(service: string) {
  const stream = client.makeServerStreamRequest(
    "/grpc.health.v1.Health/Watch",
    (bytes: Buffer) => bytes,
    (bytes) => fromBinary(HealthCheckResponseSchema, bytes).status,
    Buffer.from(toBinary(HealthCheckRequestSchema, create(HealthCheckRequestSchema, { service }))),
  );
  const messages = stream[Symbol.asyncIterator]();
  return { next: async () => (await messages.next()).value, cancel: () => stream.cancel() };
}

describe("Watch", () => {
  it("sends the state at once, then every change and nothing else", async () => {
    const watching = watch("a.Service");
    expect(await watching.next()).toBe(NOT_SERVING);
    health.set("", true);
    health.set("a.Service", false);
    health.set("a.Service", true);
    expect(await watching.next()).toBe(SERVING);
    health.drain();
    expect(await watching.next()).toBe(NOT_SERVING);
    health.close();
    await expect(watching.next()).rejects.toMatchObject({ code: grpc.status.UNAVAILABLE });
  });

  it("says SERVICE_UNKNOWN until the service is known", async () => {
    const watching = watch("late.Service");
    expect(await watching.next()).toBe(SERVICE_UNKNOWN);
    health.set("late.Service", true);
    expect(await watching.next()).toBe(SERVING);
    health.close();
    await expect(watching.next()).rejects.toMatchObject({ code: grpc.status.UNAVAILABLE });
  });

  it("ends when its caller leaves, and does not disturb the others", async () => {
    const [leaving, staying] = [watch(""), watch("")];
    expect([await leaving.next(), await staying.next()]).toEqual([NOT_SERVING, NOT_SERVING]);
    const end = both.nextEnd();
    leaving.cancel();
    await expect(leaving.next()).rejects.toMatchObject({ code: grpc.status.CANCELLED });
    expect((await end).error?.code).toBe("CANCELLED");
    await new Promise(setImmediate);
    expect(health.watching).toBe(1);
    health.set("", true);
    expect(await staying.next()).toBe(SERVING);
    health.close();
    await expect(staying.next()).rejects.toMatchObject({ code: grpc.status.UNAVAILABLE });
  });

  it("S2 limits watches in total and per address, and has room again when one ends", async () => {
    const open = (from: string) => {
      const operation = health.implementation.operations.find(({ kind }) => kind === "server_streaming");
      if (operation?.kind !== "server_streaming") throw new Error("no Watch");
      const request = create(HealthCheckRequestSchema);
      const { signal } = new AbortController();
      // Watch reads nothing else of the call.
      return operation.handle(request, { signal, address: peerAddress(from) } as CallContext)[Symbol.asyncIterator]();
    };
    const opened = (from: string) => Array.from({ length: watchLimits.ofAddress }, () => open(from));
    // Each has its own /64.
    const others = Array.from({ length: watchLimits.total / watchLimits.ofAddress }, (_, net) => `2001:db8:0:${net}`);
    const [mine = "", ...rest] = others;
    const own = opened(`${mine}::1`);
    for (const watching of own) expect((await watching.next()).done).toBe(false);
    await expect(open(`${mine}::2`).next()).rejects.toMatchObject({ reason: "OVERLOADED" });
    for (const watching of rest.flatMap((net) => opened(`${net}::1`))) expect((await watching.next()).done).toBe(false);
    await expect(open("192.0.2.1").next()).rejects.toMatchObject({ reason: "OVERLOADED" });
    await own[0]?.return?.();
    expect((await open("192.0.2.1").next()).done).toBe(false);
  });

  it("ends at once, so that the port closes long before the end of the grace", async () => {
    const watching = watch("");
    await watching.next();
    health.close();
    await Promise.all([
      both.grpc.drain(60_000),
      expect(watching.next()).rejects.toMatchObject({ code: grpc.status.UNAVAILABLE }),
    ]);
  });
});
