import { inspect } from "node:util";
import { create, type DescMessage, fromJson, type Message, toBinary } from "@bufbuild/protobuf";
import { anyPack, durationFromMs } from "@bufbuild/protobuf/wkt";
import { Metadata, status } from "@grpc/grpc-js";
import { describe, expect, it } from "vitest";
import {
  BadRequestSchema,
  ErrorInfoSchema,
  RequestInfoSchema,
  RetryInfoSchema,
} from "../src/gen/google/rpc/error_details_pb.js";
import { StatusSchema } from "../src/gen/google/rpc/status_pb.js";
import type { PatwardenError } from "../src/index.js";
import {
  AuditService,
  AuthorizationService,
  PolicyService,
  SelfService,
  SubjectService,
  TokenService,
  UsageService,
} from "../src/v1.js";
import { all } from "./kit/all.js";
import { environment, keyOf, openClient, present, tokenOf } from "./kit/environment.js";
import { failureOf } from "./kit/failure.js";
import { startRelay } from "./kit/relay.js";
import { shownError, vectors } from "./kit/vectors.js";

const services = {
  authorization: AuthorizationService,
  tokens: TokenService,
  subjects: SubjectService,
  policies: PolicyService,
  audit: AuditService,
  usage: UsageService,
  selfService: SelfService,
} as const;

type Caller = (request: object) => Promise<unknown> | AsyncIterable<unknown>;

/** A method by its name in lower snake case, whatever its service. */
function methodOf(client: ReturnType<typeof openClient>, call: string) {
  const name = call.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
  for (const [property, service] of Object.entries(services)) {
    const method = service.methods.find(({ localName }) => localName === name);
    // The client has a property of that name, with a function for each method of the service.
    const callers = client[property as keyof typeof services] as unknown as Record<string, Caller>;
    if (method) return { input: method.input, caller: present(callers[name], name) };
  }
  throw new Error(`no method ${call}`);
}

describe("errors.json", () => {
  const clients = new Map(Object.entries(environment.keys).map(([alias, key]) => [alias, openClient({ key })]));

  it.each(vectors("errors"))("$name", async ({ key, call, request, error }) => {
    const { input, caller } = methodOf(present(clients.get(key), key), call);
    const reply = caller(fromJson(input, request));
    const failure = await failureOf("then" in reply ? reply : all(reply));
    const { fields = [], retry_delay = false, ...rest } = error;
    expect(shownError(failure)).toMatchObject({ ...rest, fields: fields.toSorted(), retry_delay });
    expect(failure.requestId).toMatch(/^[A-Za-z0-9_.-]{1,64}$/);
    expect(failure.message).toContain(`${error.code} ${error.reason}: `);
  });
});

describe("an error", async () => {
  const relay = await startRelay();
  const client = openClient({ endpoint: relay.endpoint, coalesce: false });
  const ask = () => client.check(tokenOf("alice").secret, "document:roadmap", "viewer");

  const failWith = (code: number, trailer: Buffer): Promise<PatwardenError> => {
    const metadata = new Metadata();
    metadata.set("grpc-status-details-bin", trailer);
    relay.interfere = (_, respond) => {
      respond({ code, details: "as it is", metadata });
      return "taken";
    };
    return failureOf(ask());
  };
  const statusOf = (...details: [DescMessage, Message][]) =>
    Buffer.from(
      toBinary(StatusSchema, create(StatusSchema, { details: details.map(([desc, value]) => anyPack(desc, value)) })),
    );

  it("tells all of its details", async () => {
    const trailer = statusOf(
      [RetryInfoSchema, create(RetryInfoSchema, { retryDelay: durationFromMs(2_500) })],
      [
        BadRequestSchema,
        create(BadRequestSchema, { fieldViolations: [{ field: "name", description: "is required" }] }),
      ],
      [
        ErrorInfoSchema,
        create(ErrorInfoSchema, { domain: "patwarden.v1", reason: "OVERLOADED", metadata: { limit: "lists" } }),
      ],
      [RequestInfoSchema, create(RequestInfoSchema, { requestId: "request-7" })],
    );
    const error = await failWith(status.RESOURCE_EXHAUSTED, trailer);
    expect(error).toMatchObject({
      name: "PatwardenError",
      message: "RESOURCE_EXHAUSTED OVERLOADED: as it is (name is required)",
      code: "RESOURCE_EXHAUSTED",
      reason: "OVERLOADED",
      metadata: { limit: "lists" },
      fieldViolations: [{ field: "name", description: "is required" }],
      requestId: "request-7",
      retryDelayMs: 2_500,
      cause: { code: status.RESOURCE_EXHAUSTED },
    });
  });

  it.each([
    ["no message", Buffer.from([0xff, 0xff, 0xff])],
    ["cut off", statusOf([ErrorInfoSchema, create(ErrorInfoSchema, { reason: "INTERNAL" })]).subarray(0, 9)],
    [
      "a message with damaged parts",
      Buffer.from(
        toBinary(
          StatusSchema,
          create(StatusSchema, {
            details: [{ typeUrl: "type.googleapis.com/google.rpc.ErrorInfo", value: Uint8Array.of(0xff, 0xff) }],
          }),
        ),
      ),
    ],
    ["empty", Buffer.alloc(0)],
  ])("keeps its code when the trailer is %s", async (_, trailer) => {
    expect(await failWith(status.FAILED_PRECONDITION, trailer)).toMatchObject({
      code: "FAILED_PRECONDITION",
      reason: undefined,
      metadata: {},
      fieldViolations: [],
    });
  });

  it("takes no reason from another domain", async () => {
    const info = create(ErrorInfoSchema, { domain: "proxy.example", reason: "ALLOWED", metadata: { a: "b" } });
    expect(await failWith(status.INTERNAL, statusOf([ErrorInfoSchema, info]))).toMatchObject({
      code: "INTERNAL",
      reason: undefined,
      metadata: {},
    });
  });

  it("is UNKNOWN when its code is none", async () => {
    expect(await failWith(77, Buffer.alloc(0))).toMatchObject({ code: "UNKNOWN" });
  });

  it("shows no key and no token, and neither does the client", async () => {
    relay.interfere = undefined;
    const key = keyOf("unknown");
    const stranger = openClient({ key });
    const { secret } = tokenOf("alice");
    const failure = await failureOf(stranger.check(secret, "document:roadmap", "viewer"));
    for (const shown of [failure.stack, JSON.stringify(failure), inspect(failure, { depth: 9, showHidden: true })]) {
      expect(shown).not.toContain(key);
      expect(shown).not.toContain(secret);
    }
    expect(inspect(stranger, { depth: 9, showHidden: true })).not.toContain(key);
    expect(JSON.stringify(stranger)).not.toContain(key);
  });
});
