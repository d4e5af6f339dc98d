import { readFileSync } from "node:fs";
import type { DescMethod, DescMethodServerStreaming, DescMethodUnary, JsonObject } from "@bufbuild/protobuf";
import { fromJson } from "@bufbuild/protobuf";
import * as grpc from "@grpc/grpc-js";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { AuditService } from "#gen/patwarden/v1/audit_pb.js";
import {
  AuthorizationService,
  BatchCheckRequestSchema,
  CheckRequestSchema,
  type CheckResponse,
  ListResourcesRequestSchema,
} from "#gen/patwarden/v1/authorization_pb.js";
import { ErrorReasonSchema } from "#gen/patwarden/v1/errors_pb.js";
import { PolicyService } from "#gen/patwarden/v1/policy_pb.js";
import { type Reason, ReasonSchema } from "#gen/patwarden/v1/reason_pb.js";
import { SelfService } from "#gen/patwarden/v1/self_pb.js";
import { SubjectService } from "#gen/patwarden/v1/subject_pb.js";
import { TokenService } from "#gen/patwarden/v1/token_pb.js";
import { UsageService } from "#gen/patwarden/v1/usage_pb.js";
import { hintOf, parseSecret } from "../../src/domain/secret.js";
import { grpcPort, type Port, type Reply } from "../kit/ports.js";
import { havePostgres, noPostgres } from "../kit/postgres.js";
import { type Description, type Environment, startEnvironment } from "./environment.js";
import { archiveSize } from "./facts.js";
import { type ExpectedDecision, type ExpectedError, filledIn, type Question, readVectors } from "./vectors.js";

/** Reasons without a case in errors.json, and why. */
const withoutCase: Readonly<Record<string, string>> = {
  DATABASE_UNAVAILABLE: "needs a fault",
  OPENFGA_UNAVAILABLE: "needs a fault",
  OPENFGA_MISCONFIGURED: "needs another configuration",
  REVOCATION_PENDING: "needs a fault",
  OUTCOME_UNKNOWN: "needs a fault",
  DEADLINE_EXCEEDED: "needs a fault",
  ISSUER_UNAVAILABLE: "needs a fault",
  STEP_UP_REQUIRED: "needs an issuer with step_up",
  INTERNAL: "needs a defect",
};

/** Reasons that a guard never shows in a 401: they would tell a thief whether a token exists, or where it works. */
const untold: readonly string[] = ["TOKEN_MALFORMED", "TOKEN_UNKNOWN", "NETWORK_NOT_ALLOWED"];

const methods: ReadonlyMap<string, DescMethod> = new Map(
  [AuthorizationService, TokenService, SubjectService, PolicyService, AuditService, UsageService, SelfService]
    .flatMap((service): readonly DescMethod[] => service.methods)
    .map((method) => [method.localName.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`), method]),
);

describe("secrets.json", () => {
  it.each(readVectors("secrets"))("$name", ({ text, brand, wellFormed, kind, hint }) => {
    const parsed = parseSecret(text, brand);
    expect(parsed !== undefined).toBe(wellFormed);
    expect([parsed?.kind, parsed && hintOf(text)]).toEqual([kind, hint]);
  });
});

describe("the cases are complete:", () => {
  const named = (values: readonly { readonly localName: string }[]) =>
    values.map(({ localName }) => localName).filter((name) => name !== "UNSPECIFIED");

  it("checks.json has every reason of a decision", () => {
    const reasons = new Set(readVectors("checks").map(({ expect }) => expect?.reason));
    expect([...reasons].filter((reason) => reason !== undefined).toSorted()).toEqual(
      named(ReasonSchema.values).toSorted(),
    );
  });

  it("errors.json has every reason of an error, but for those that no request brings about", () => {
    const reasons = new Set(readVectors("errors").map(({ error }) => error.reason));
    expect([...reasons, ...Object.keys(withoutCase)].toSorted()).toEqual(named(ErrorReasonSchema.values).toSorted());
  });

  it.each([
    { reason: "CALLER_UNAUTHENTICATED", forEveryone: [] },
    { reason: "CALLER_FORBIDDEN", forEveryone: ["get_caller", "get_catalog"] },
  ])("errors.json has $reason of every method, but for those that every caller may call", ({ reason, forEveryone }) => {
    const calls = readVectors("errors")
      .filter(({ error }) => error.reason === reason)
      .map(({ call }) => call);
    expect([...new Set([...calls, ...forEveryone])].toSorted()).toEqual([...methods.keys()].toSorted());
  });
});

if (!havePostgres()) process.stderr.write(`${noPostgres}\n`);

describe.skipIf(!havePostgres())("against the server,", () => {
  let environment: Environment;
  let description: Description;
  let checker: Port;
  beforeAll(async () => {
    environment = await startEnvironment();
    description = environment.description;
    checker = grpcPort(description.endpoint, description.keys.checker);
  });
  afterAll(async () => {
    checker?.close();
    await environment?.stop();
  });

  const filled = <T>(vector: T): T => filledIn(vector, description.tokens);
  const tokenOf = (alias: string) => {
    const token = description.tokens[alias];
    if (!token) throw new Error(`no token ${alias}`);
    return token;
  };
  const secretOf = (token: Question["token"]): string =>
    typeof token === "string" ? tokenOf(token).secret : token.text;
  const questionOf = ({ token, resource, action, context, consistency }: Question): JsonObject => ({
    token: secretOf(token),
    resource,
    action,
    ...(context && { context }),
    ...(consistency !== undefined && { consistency: `CONSISTENCY_${consistency}` }),
  });
  const nameOf = (reason: Reason | undefined): string => ReasonSchema.value[reason ?? 0]?.localName ?? String(reason);
  const decisionOf = (response: CheckResponse): ExpectedDecision => ({
    allowed: response.allowed,
    reason: nameOf(response.reason),
    token_valid: response.tokenValid,
    subject: response.subject,
    token_id: response.tokenId,
    organization: response.organization,
    claims: response.claims,
    expires: response.expireTime !== undefined,
  });
  const whole = ({ token_id, ...expected }: ExpectedDecision): ExpectedDecision => ({
    subject: "",
    organization: "",
    claims: {},
    expires: false,
    ...expected,
    token_id: token_id === undefined ? "" : tokenOf(token_id).id,
  });
  const expectError = (reply: Reply<unknown>, { fields = [], retry_delay = false, ...error }: ExpectedError): void => {
    expect(reply).toMatchObject({ ok: false, ...error });
    if (reply.ok) return;
    expect(reply.fields.toSorted()).toEqual(fields.toSorted());
    expect(reply.retryDelayMs !== undefined).toBe(retry_delay);
  };

  describe("checks.json", () => {
    it.each(readVectors("checks"))("$name", async (vector) => {
      const { claims, expect: expected, error, ...question } = filled(vector);
      const request = fromJson(CheckRequestSchema, { ...questionOf(question), ...(claims && { claims: [...claims] }) });
      const reply = await checker.call(AuthorizationService.method.check, request);
      if (error) expectError(reply, error);
      else expect(reply.ok ? decisionOf(reply.value) : reply).toEqual(whole(expected));
    });

    it("comes out the same in batches", async () => {
      const vectors = readVectors("checks").map(filled);
      const request = fromJson(BatchCheckRequestSchema, { items: vectors.map(questionOf) });
      const reply = await checker.call(AuthorizationService.method.batchCheck, request);
      if (!reply.ok) throw new Error(reply.message);
      expect(
        reply.value.results.map(({ result }) =>
          result.case === "decision" ? decisionOf(result.value) : result.value?.reason,
        ),
      ).toEqual(
        vectors.map(({ expect: expected, error }) => (error ? error.reason : { ...whole(expected), claims: {} })),
      );
    });
  });

  describe("batches.json", () => {
    it.each(readVectors("batches"))("$name", async (vector) => {
      const { items, expect: expected } = filled(vector);
      const request = fromJson(BatchCheckRequestSchema, { items: items.map(questionOf) });
      const reply = await checker.call(AuthorizationService.method.batchCheck, request);
      if (!reply.ok) throw new Error(reply.message);
      expect(
        reply.value.results.map(({ result }) =>
          result.case === "decision"
            ? decisionOf(result.value)
            : { code: grpc.status[result.value?.code ?? 0], reason: result.value?.reason },
        ),
      ).toEqual(expected.map((one) => ("error" in one ? one.error : whole(one))));
    });
  });

  const list = async (request: JsonObject) => {
    const method = AuthorizationService.method.listResources;
    const reply = await checker.list(method, fromJson(ListResourcesRequestSchema, request));
    if (!reply.ok) return reply;
    const [first] = reply.value;
    return {
      ok: true as const,
      resources: reply.value.flatMap(({ resources }) => resources).toSorted(),
      token_valid: first?.tokenValid,
      reason: nameOf(first?.reason),
      incomplete: reply.value.at(-1)?.incomplete,
    };
  };

  describe("lists.json", () => {
    it.each(readVectors("lists"))("$name", async (vector) => {
      const { token, type, action, context, expect: expected, error } = filled(vector);
      const reply = await list({ token: secretOf(token), type, action, ...(context && { context }) });
      if (!error) expect(reply).toEqual({ ok: true, ...expected });
      else if (reply.ok) throw new Error("it was answered");
      else expectError(reply, error);
    });

    it("can be longer than a message", async () => {
      const reply = await list({ token: tokenOf("librarian").secret, type: "document", action: "viewer" });
      expect(reply.ok && new Set(reply.resources).size).toBe(archiveSize);
    });
  });

  describe("errors.json", () => {
    it.each(readVectors("errors"))("$name", async (vector) => {
      const { key: alias, call, request, error } = filled(vector);
      const method = methods.get(call);
      const key = description.keys[alias as keyof Description["keys"]];
      if (!method || !key) throw new Error(`no method ${call}, or no key ${alias}`);
      const message = fromJson(method.input, request);
      // There are no other files.
      const reply =
        method.methodKind === "server_streaming"
          ? await checker.list(method as DescMethodServerStreaming, message, { key })
          : await checker.call(method as DescMethodUnary, message, { key });
      expectError(reply, error);
    });
  });

  describe("guards.json", () => {
    const vectors = readVectors("guards");
    /** Credentials in the places that a guard reads. Null: one that cannot be read. */
    const credentialsOf = (headers: Readonly<Record<string, string>>): readonly (string | null)[] => {
      const found: (string | null)[] = [];
      const { Authorization: authorization, "X-API-Key": apiKey } = headers;
      if (apiKey !== undefined) found.push(apiKey);
      if (authorization === undefined) return found;
      const [, scheme = "", value = ""] = /^(\S+) +(\S+)$/.exec(authorization) ?? [];
      if (/^bearer$/i.test(scheme)) return [...found, value];
      const password = /^basic$/i.test(scheme) && /^[^:]*:(.+)$/.exec(Buffer.from(value, "base64").toString())?.[1];
      return [...found, password || null];
    };

    const titles = new Map([
      [401, "Unauthorized"],
      [403, "Forbidden"],
      [404, "Not Found"],
      [503, "Service Unavailable"],
    ]);
    it.each(vectors.filter(({ expect: { status } }) => status !== 200))(
      "has a body for $name",
      ({ expect: expected }) => {
        const { status, body } = expected;
        expect(body).toMatchObject({ type: "about:blank", title: titles.get(status), status });
      },
    );

    it.each(vectors)("$name", async (vector) => {
      const { headers, route, fault, explain_invalid_token: explain, expect: expected } = filled(vector);
      const credentials = [...new Set(credentialsOf(headers))];
      const [credential] = credentials;
      if (credentials.length !== 1 || credential === null || credential === undefined) {
        expect([expected.status, expected.body?.["reason"]]).toEqual([401, undefined]);
        return;
      }
      if (fault) await fetch(`${description.control}/openfga/${fault.openfga}`, { method: "POST" });
      const reply = await checker
        .call(AuthorizationService.method.check, { token: credential, ...route })
        .finally(() => fault && fetch(`${description.control}/openfga/heal`, { method: "POST" }));
      if (expected.status === 404) {
        // A guard decides this without the server, which would answer the same.
        expect(reply).toMatchObject({ ok: false, reason: "INVALID_FIELD", fields: ["resource"] });
        return;
      }
      const status = !reply.ok ? 503 : reply.value.allowed ? 200 : reply.value.tokenValid ? 403 : 401;
      expect(status).toBe(expected.status);
      expect(expected.www_authenticate).toBe(status === 401 ? 'error="invalid_token"' : undefined);
      expect(expected.subject).toBe(reply.ok && reply.value.allowed ? reply.value.subject : undefined);
      const reason = reply.ok ? nameOf(reply.value.reason) : reply.reason;
      const isTold = status === 401 ? explain && !untold.includes(reason ?? "") : status !== 200;
      expect(expected.body?.["reason"]).toBe(isTold ? reason : undefined);
    });
  });

  describe("the environment", () => {
    const control = async (path: string): Promise<void> => {
      const response = await fetch(`${description.control}${path}`, { method: "POST" });
      expect([path, response.status, await response.text()]).toEqual([path, 204, ""]);
    };
    const question = () => ({ token: tokenOf("alice").secret, resource: "document:roadmap", action: "viewer" });
    const ask = async (port: Port, timeoutMs = 20_000): Promise<string> => {
      const reply = await port.call(AuthorizationService.method.check, question(), { timeoutMs });
      return reply.ok ? nameOf(reply.value.reason) : `${reply.code} ${reply.reason ?? "of the transport"}`;
    };
    const through = async <T>(address: string, use: (port: Port) => Promise<T>): Promise<T> => {
      const port = grpcPort(address, description.keys.checker);
      return use(port).finally(() => port.close());
    };
    afterEach(() => environment.heal());

    it("cuts the way to the server", async () => {
      expect(await through(description.proxied, ask)).toBe("ALLOWED");
      await control("/server/cut");
      expect(await through(description.proxied, ask)).toBe("UNAVAILABLE of the transport");
      expect(await ask(checker)).toBe("ALLOWED");
      await control("/server/heal");
      await through(description.proxied, (port) => expect.poll(() => ask(port), { timeout: 10_000 }).toBe("ALLOWED"));
    });

    it("silences the server", async () => {
      await control("/server/stall");
      expect(await through(description.proxied, (port) => ask(port, 300))).toMatch(/^DEADLINE_EXCEEDED/);
    });

    it("cuts the way to OpenFGA, and it is well when that is healed", async () => {
      await control("/openfga/cut");
      expect(await ask(checker)).toBe("UNAVAILABLE OPENFGA_UNAVAILABLE");
      await control("/openfga/heal");
      expect(await ask(checker)).toBe("ALLOWED");
    });

    it("silences OpenFGA", async () => {
      await control("/openfga/stall");
      expect(await ask(checker)).toBe("DEADLINE_EXCEEDED DEADLINE_EXCEEDED");
    });

    it("kills the server, which is the same afterwards", async () => {
      await control("/restart");
      await expect.poll(() => ask(checker), { timeout: 10_000 }).toBe("ALLOWED");
      const { key, request, error } = readVectors("errors").find((vector) => vector.key === "limited") ?? {};
      expect(key).toBe("limited");
      const reply = await checker.call(
        TokenService.method.createToken,
        fromJson(TokenService.method.createToken.input, request ?? {}),
        {
          key: description.keys.limited,
        },
      );
      expect(reply).toMatchObject({ ok: false, reason: error?.reason });
    });

    it("has a server that demands a certificate", async () => {
      const { endpoint, ca, client_cert, client_key } = description.tls;
      const read = (file: string): Buffer => readFileSync(file);
      const answer = async (credentials: grpc.ChannelCredentials): Promise<string> => {
        const port = grpcPort(endpoint, description.keys.checker, credentials);
        return ask(port).finally(() => port.close());
      };
      const withCertificate = grpc.credentials.createSsl(read(ca), read(client_key), read(client_cert));
      expect(await answer(withCertificate)).toBe("ALLOWED");
      expect(await answer(grpc.credentials.createSsl(read(ca)))).toBe("UNAVAILABLE of the transport");
    });

    it("has servers that redirect, that are silent and that are not there", async () => {
      expect(await through(description.redirecting, ask)).not.toBe("ALLOWED");
      const followed = await fetch(`${description.control}/redirecting/followed`);
      expect([followed.status, await followed.text()]).toEqual([200, "0"]);
      expect(await through(description.silent, (port) => ask(port, 300))).toMatch(/^DEADLINE_EXCEEDED/);
      expect(await through(description.absent, ask)).toBe("UNAVAILABLE of the transport");
    });
  });
});
