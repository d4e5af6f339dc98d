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
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AuthorizationService } from "#gen/patwarden/v1/authorization_pb.js";
import {
  ServerReflectionRequestSchema,
  ServerReflectionResponseSchema,
} from "#third-party/grpc/reflection/v1/reflection_pb.js";
import { type BothPorts, startBothPorts } from "../../test/kit/transport.js";
import { HealthService } from "./health.js";
import { reflection } from "./reflection.js";
import { implement } from "./service.js";

let both: BothPorts;
let client: grpc.Client;
beforeAll(async () => {
  const authorization = implement(AuthorizationService, {
    check: async () => ({}),
    batchCheck: async () => ({}),
    listResources: async function* () {},
    introspect: async () => ({}),
  });
  const mounted = [authorization, new HealthService([]).implementation];
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

  /** Asks all in one stream and half-closes. */
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

  it("sends a file with everything it imports, complete enough to build on", async () => {
    const [answer] = await ask({ case: "fileByFilename", value: "patwarden/v1/authorization.proto" });
    if (answer?.messageResponse.case !== "fileDescriptorResponse") throw new Error("no files");
    const { fileDescriptorProto } = answer.messageResponse.value;
    const file = fileDescriptorProto.map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes)).reverse();
    const registry = createFileRegistry(create(FileDescriptorSetSchema, { file }));
    expect(registry.getService("patwarden.v1.AuthorizationService")?.methods.map(({ name }) => name)).toEqual(
      AuthorizationService.methods.map(({ name }) => name),
    );
  });

  it("answers what it does not know inside the stream, and goes on", async () => {
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
