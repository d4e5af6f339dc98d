import { once } from "node:events";
import {
  create,
  createFileRegistry,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import * as grpc from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import {
  ServerReflectionRequestSchema,
  ServerReflectionResponseSchema,
} from "#gen/grpc/reflection/v1/reflection_pb.js";
import { AuthorizationService } from "#gen/patwarden/v1/authorization_pb.js";
import { type BothPorts, startBothPorts } from "../../test/kit/transport.js";
import { peerAddress } from "../domain/network.js";
import { HealthService } from "./health.js";
import { reflection, reflectionBudget, reflectionLimits } from "./reflection.js";
import { type CallContext, implement } from "./service.js";

const authorization = implement(AuthorizationService, {
  check: async () => ({}),
  batchCheck: async () => ({}),
  listResources: async function* () {},
  introspect: async () => ({}),
});
const mounted = [authorization, new HealthService([]).implementation];

let both: BothPorts;
let client: grpc.Client;
beforeAll(async () => {
  both = await startBothPorts([...mounted, ...reflection(mounted)]);
  client = new grpc.Client(both.grpc.address, grpc.credentials.createInsecure());
});
afterAll(async () => {
  client.close();
  await both.stop();
});

// The messages of v1alpha are, byte for byte, those of v1.
describe.each(["v1", "v1alpha"])("reflection %s", (version) => {
  type Answer = MessageShape<typeof ServerReflectionResponseSchema>;

  /** Sends all requests in one stream and half-closes it. */
  async function ask(
    ...questions: MessageInitShape<typeof ServerReflectionRequestSchema>["messageRequest"][]
  ): Promise<Answer[]> {
    const stream = client.makeBidiStreamRequest(
      `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`,
      (bytes: Buffer) => bytes,
      (bytes) => fromBinary(ServerReflectionResponseSchema, bytes),
    );
    for (const messageRequest of questions) {
      const request = create(ServerReflectionRequestSchema, { host: "h", ...(messageRequest && { messageRequest }) });
      stream.write(Buffer.from(toBinary(ServerReflectionRequestSchema, request)));
    }
    stream.end();
    const answers: Answer[] = [];
    for await (const answer of stream) answers.push(answer);
    return answers;
  }

  const filesIn = (answer: Answer | undefined): string[] =>
    answer?.messageResponse.case === "fileDescriptorResponse"
      ? answer.messageResponse.value.fileDescriptorProto.map(
          (bytes) => fromBinary(FileDescriptorProtoSchema, bytes).name,
        )
      : [];

  it("lists what is mounted, itself included, and nothing else", async () => {
    const [answer] = await ask({ case: "listServices", value: "" });
    expect(answer).toMatchObject({
      validHost: "h",
      originalRequest: { host: "h", messageRequest: { case: "listServices" } },
    });
    const services =
      answer?.messageResponse.case === "listServicesResponse" ? answer.messageResponse.value.service : [];
    expect(services.map(({ name }) => name)).toEqual([
      "patwarden.v1.AuthorizationService",
      "grpc.health.v1.Health",
      "grpc.reflection.v1.ServerReflection",
      "grpc.reflection.v1alpha.ServerReflection",
    ]);
  });

  it.each([
    ["a service", "patwarden.v1.AuthorizationService", "patwarden/v1/authorization.proto"],
    ["a method", "patwarden.v1.AuthorizationService.Check", "patwarden/v1/authorization.proto"],
    ["a message", "patwarden.v1.CheckRequest", "patwarden/v1/authorization.proto"],
    ["a field", "patwarden.v1.CheckRequest.token", "patwarden/v1/authorization.proto"],
    ["a oneof", "patwarden.v1.BatchCheckResult.result", "patwarden/v1/authorization.proto"],
    ["an enum", "patwarden.v1.Reason", "patwarden/v1/reason.proto"],
    ["an enum value", "patwarden.v1.REASON_ALLOWED", "patwarden/v1/reason.proto"],
    ["a nested message", "google.rpc.BadRequest.FieldViolation", "google/rpc/error_details.proto"],
    ["error details, which no service imports", "google.rpc.ErrorInfo", "google/rpc/error_details.proto"],
    ["an imported message", "google.protobuf.Timestamp", "google/protobuf/timestamp.proto"],
  ])("finds the file of %s", async (_what, value, file) => {
    const [answer] = await ask({ case: "fileContainingSymbol", value });
    expect(filesIn(answer)[0]).toBe(file);
  });

  it("sends a file with all its imports, complete enough to build a registry", async () => {
    const [answer] = await ask({ case: "fileByFilename", value: "patwarden/v1/authorization.proto" });
    if (answer?.messageResponse.case !== "fileDescriptorResponse") throw new Error("no files");
    const { fileDescriptorProto } = answer.messageResponse.value;
    const file = fileDescriptorProto.map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes)).reverse();
    const registry = createFileRegistry(create(FileDescriptorSetSchema, { file }));
    expect(registry.getService("patwarden.v1.AuthorizationService")?.methods.map(({ name }) => name)).toEqual(
      AuthorizationService.methods.map(({ name }) => name),
    );
  });

  it("answers unknown names inside the stream, and continues", async () => {
    const answers = await ask(
      { case: "fileContainingSymbol", value: "patwarden.v1.Nope" },
      { case: "fileByFilename", value: "__proto__" },
      { case: "fileContainingExtension", value: { containingType: "google.protobuf.FileOptions", extensionNumber: 1 } },
      { case: "allExtensionNumbersOfType", value: "patwarden.v1.Nope" },
      undefined,
      { case: "allExtensionNumbersOfType", value: "patwarden.v1.CheckRequest" },
    );
    expect(
      answers.map(({ messageResponse: { case: kind, value } }) => (kind === "errorResponse" ? value.errorCode : kind)),
    ).toEqual([5, 5, 5, 5, 3, "allExtensionNumbersResponse"]);
  });
});

describe("S2 limits of reflection for unauthenticated callers", () => {
  const path = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
  const question = create(ServerReflectionRequestSchema, {
    messageRequest: { case: "fileContainingSymbol", value: "patwarden.v1.AuthorizationService" },
  });
  const open = (from: grpc.Client) =>
    from.makeBidiStreamRequest(
      path,
      (bytes: Buffer) => bytes,
      (bytes) => fromBinary(ServerReflectionResponseSchema, bytes),
    );
  const connect = (address: string) => {
    // Its own pool, so that a closed client closes its connection.
    const options = { "grpc.use_local_subchannel_pool": 1 };
    return new grpc.Client(address, grpc.credentials.createInsecure(), options);
  };

  /** Makes a handler with a clock that is moved by hand, and functions that count its answers to an address. */
  function standing() {
    let ms = 0;
    const [operation] = reflection(mounted, () => ms)[0]?.operations ?? [];
    if (operation?.kind !== "bidi_streaming") throw new Error("no reflection");
    type Reply = MessageShape<typeof ServerReflectionResponseSchema>;
    return {
      pass(moreMs: number) {
        ms += moreMs;
      },
      ask: (count: number, from: string, asked = question) => {
        const questions = (async function* () {
          for (let n = 0; n < count; n++) yield asked;
        })();
        // Reply is the message of reflection v1.
        return operation.handle(questions, { address: peerAddress(from) } as CallContext) as AsyncIterable<Reply>;
      },
    };
  }
  async function count(answers: AsyncIterable<unknown>): Promise<number | string> {
    let answered = 0;
    try {
      for await (const _ of answers) answered++;
    } catch (error) {
      return `${answered > 0 ? "refused after some" : "refused"}: ${(error as Error).message}`;
    }
    return answered;
  }
  const overloaded = "overloaded; try again later";

  it("S2 descriptors are serialized once: two answers hold the same bytes", async () => {
    const seen: Uint8Array[][] = [];
    for await (const { messageResponse } of standing().ask(2, "192.0.2.1")) {
      if (messageResponse.case === "fileDescriptorResponse") seen.push(messageResponse.value.fileDescriptorProto);
    }
    expect(seen).toHaveLength(2);
    expect(seen[0]?.[0]).toBe(seen[1]?.[0]);
  });

  it("S2 lets other calls run between two questions that arrived together", async () => {
    let turns = 0;
    let counting: NodeJS.Immediate | undefined;
    const count = (): void => {
      turns++;
      counting = setImmediate(count);
    };
    count();
    const stream = open(client);
    for (let n = 0; n < 200; n++) stream.write(Buffer.from(toBinary(ServerReflectionRequestSchema, question)));
    stream.end();
    let answers = 0;
    for await (const _ of stream) answers++;
    clearImmediate(counting);
    expect(answers).toBe(200);
    expect(turns).toBeGreaterThanOrEqual(200);
  });

  it("S2 limits the bytes for one address, and still answers other addresses", async () => {
    const { ask, pass } = standing();
    expect(await count(ask(100_000, "192.0.2.1"))).toBe(`refused after some: ${overloaded}`);
    expect(await count(ask(1, "192.0.2.1"))).toBe(`refused: ${overloaded}`);
    // The control: a tool that asks for every symbol of every service.
    expect(await count(ask(200, "192.0.2.2"))).toBe(200);
    pass(1_000);
    expect(await count(ask(5, "192.0.2.1"))).toBe(5);
  });

  it("S2 limits the bytes for all addresses together", async () => {
    const { ask, pass } = standing();
    let refusedAt: number | undefined;
    for (let address = 0; address < 50 && refusedAt === undefined; address++) {
      if ((await count(ask(250, `192.0.2.${address}`))) !== 250) refusedAt = address;
    }
    expect(refusedAt).toBeGreaterThan(1);
    expect(await count(ask(1, "198.51.100.1"))).toBe(`refused: ${overloaded}`);
    pass(reflectionBudget.process.burst * reflectionBudget.process.intervalMs);
    expect(await count(ask(1, "198.51.100.1"))).toBe(1);
  });

  it("S2 does not repeat a long name", async () => {
    const value = "x".repeat(513);
    const long = create(ServerReflectionRequestSchema, { messageRequest: { case: "fileContainingSymbol", value } });
    const { ask } = standing();
    expect(await count(ask(1, "192.0.2.1", long))).toContain("not valid");
    expect(
      await count(ask(1, "192.0.2.1", create(ServerReflectionRequestSchema, { ...question, host: value }))),
    ).toContain("not valid");
  });

  it("S2 limits the streams of one address, and no longer counts those whose clients have gone", async () => {
    const crowd = connect(both.grpc.address);
    const kept = Array.from({ length: reflectionLimits.ofAddress }, () => {
      const stream = open(crowd);
      stream.on("error", () => undefined);
      stream.write(Buffer.from(toBinary(ServerReflectionRequestSchema, question)));
      return stream;
    });
    await Promise.all(kept.map((stream) => once(stream, "data")));
    await expect(count(open(client))).resolves.toContain("overloaded");
    crowd.close();
    for (const stream of kept) stream.cancel();
    await vi.waitFor(async () => {
      const stream = open(client);
      stream.end();
      expect(await count(stream)).toBe(0);
    }, 20_000);
  });

  it("S2 limits the streams in total, and one address cannot take the places of others", async () => {
    const { ask } = standing();
    const kept = (from: string, length: number) => Array.from({ length }, () => ask(2, from)[Symbol.asyncIterator]());
    const { total, ofAddress } = reflectionLimits;
    for (let net = 0; net < total / ofAddress; net++) {
      for (const stream of kept(`2001:db8:0:${net}::1`, ofAddress)) expect((await stream.next()).done).toBe(false);
      if (net === 0) expect(await count(ask(1, `2001:db8:0:${net}::2`))).toBe(`refused: ${overloaded}`);
    }
    expect(await count(ask(1, "192.0.2.1"))).toBe(`refused: ${overloaded}`);
  });
});
