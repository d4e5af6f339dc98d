import { randomUUID } from "node:crypto";
import {
  create,
  type DescField,
  type DescMessage,
  type DescMethodUnary,
  type Message,
  ScalarType,
  toBinary,
} from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AuditService } from "#gen/patwarden/v1/audit_pb.js";
import { AuthorizationService } from "#gen/patwarden/v1/authorization_pb.js";
import { PolicyService } from "#gen/patwarden/v1/policy_pb.js";
import { SubjectService } from "#gen/patwarden/v1/subject_pb.js";
import { CreateTokenRequestSchema, TokenService } from "#gen/patwarden/v1/token_pb.js";
import { QueryUsageRequestSchema, UsageService } from "#gen/patwarden/v1/usage_pb.js";
import { type Patwarden, startPatwarden } from "../kit/patwarden.js";

let patwarden: Patwarden;
beforeAll(async () => {
  patwarden = await startPatwarden({});
});
afterAll(() => patwarden.stop());

type Fields = Record<string, unknown>;

/** Returns values that no honest client sends, for a field of this kind. */
function extremesOf(field: DescField, depth: number): readonly unknown[] {
  switch (field.fieldKind) {
    case "scalar":
      return scalars(field.scalar);
    case "enum":
      return [-1, 99, 2_147_483_647];
    case "message":
      return messages(field.message, depth);
    case "list": {
      const items =
        field.listKind === "message"
          ? messages(field.message, depth)
          : field.listKind === "enum"
            ? [-1, 99]
            : scalars(field.scalar);
      return [...items.map((item) => [item]), Array(2_000).fill(items[0])];
    }
    case "map":
      return ["__proto__", "constructor", "", "\0", "k".repeat(5_000), "💥"].flatMap((key) => [
        mapOf(key, "v"),
        mapOf(key, "\0"),
      ]);
  }
}

/** Returns a map, also with a key that an object literal would not keep. */
function mapOf(key: string, value: string): Fields {
  return Object.defineProperty({}, key, { value, enumerable: true, writable: true, configurable: true });
}

function scalars(type: ScalarType): readonly unknown[] {
  switch (type) {
    case ScalarType.STRING:
      return ["\0", "__proto__", "x".repeat(10_000)];
    case ScalarType.BOOL:
      return [true];
    case ScalarType.INT64:
      return [-(2n ** 63n), -1n, 2n ** 63n - 1n];
    case ScalarType.UINT64:
      return [2n ** 64n - 1n];
    case ScalarType.INT32:
      return [-(2 ** 31), -1, 2 ** 31 - 1];
    case ScalarType.UINT32:
      return [2 ** 32 - 1];
    default:
      throw new Error(`no extremes for scalar ${type}`);
  }
}

function messages(desc: DescMessage, depth: number): readonly unknown[] {
  if (desc.typeName === "google.protobuf.Timestamp" || desc.typeName === "google.protobuf.Duration") {
    const seconds = [-(2n ** 63n), 2n ** 63n - 1n, -62_135_596_800n, 253_402_300_799n, 315_576_000_001n];
    const nanos = [-1, 999_999_999, 1_000_000_000, 2 ** 31 - 1, -(2 ** 31)];
    return [
      ...seconds.map((value) => create(desc, { seconds: value })),
      ...nanos.map((value) => create(desc, { seconds: 1n, nanos: value })),
    ];
  }
  if (depth === 0) return [];
  return variants(desc, {}, depth - 1).map((fields) => create(desc, fields));
}

/** Returns a message for each extreme of each of its fields; all other fields are those of the base. */
function variants(desc: DescMessage, base: Fields, depth: number): readonly Fields[] {
  return desc.fields.flatMap((field) =>
    extremesOf(field, depth).map((value) =>
      field.oneof
        ? { ...base, [field.oneof.localName]: { case: field.localName, value } }
        : { ...base, [field.localName]: value },
    ),
  );
}

const newKey = "a new key";
const tokenId = "tok_01h455vb4pex5vsknk084sn02q";
/** Requests that are correct except for the inserted extreme, so that it gets as far as possible. */
const bases: Readonly<Record<string, Fields>> = {
  Check: { token: "t", resource: "document:roadmap", action: "viewer" },
  BatchCheck: { items: [{ token: "t", resource: "document:roadmap", action: "viewer" }] },
  Introspect: { token: "t" },
  CreateToken: { subject: "user:alice", name: "n", grant: { full: true }, requestId: newKey },
  RotateToken: { id: tokenId, requestId: newKey },
  UpdateToken: {
    token: { id: tokenId },
    updateMask: {
      paths: ["name", "description", "grant", "allowed_cidrs", "metadata", "claims", "not_before", "expire_time"],
    },
  },
  UpdatePolicy: {
    policy: { scope: "organization:acme" },
    updateMask: {
      paths: ["max_lifetime", "default_lifetime", "allowed_actions", "allowed_cidrs", "revoke_unused_after"],
    },
  },
  RevokeTokens: { target: { case: "subject", value: "user:nobody" }, validateOnly: true },
};

const methods = [AuthorizationService, TokenService, SubjectService, PolicyService, AuditService, UsageService].flatMap(
  (service) => service.methods.filter((method): method is DescMethodUnary => method.methodKind === "unary"),
);

/** Returns the code of the answer to a request as protobuf, over the HTTP port. */
async function overHttp(method: DescMethodUnary, request: Message): Promise<string> {
  const response = await fetch(`${patwarden.server.http}/${method.parent.typeName}/${method.name}`, {
    method: "POST",
    headers: { "content-type": "application/proto", authorization: `Bearer ${patwarden.server.keys.admin}` },
    body: Buffer.from(toBinary(method.input, request)),
  });
  if (response.ok) {
    await response.arrayBuffer();
    return "OK";
  }
  const { code } = (await response.json()) as { code: string };
  return code.toUpperCase();
}

describe("extreme values", () => {
  it.each(methods.map((method) => [method.name, method] as const))(
    "S19, S20, S21 in every field of %s are refused or kept, on both ports, and none is a defect",
    async (name, method) => {
      const base =
        bases[name] ?? (method.input.fields.some(({ localName }) => localName === "id") ? { id: tokenId } : {});
      const requests = variants(method.input, base, 2).map((fields) =>
        // A new key for each, or the second request would be refused for its key.
        create(method.input, fields["requestId"] === newKey ? { ...fields, requestId: randomUUID() } : fields),
      );
      const [grpc] = patwarden.server.ports.filter((port) => port.name === "gRPC");
      if (!grpc) throw new Error("no gRPC port");
      const defects: string[] = [];
      const note = (port: string, code: string, request: Message): void => {
        if (!["INTERNAL", "UNKNOWN", "UNAVAILABLE", "DATA_LOSS"].includes(code)) return;
        const text = JSON.stringify(request, (_, value) => (typeof value === "bigint" ? String(value) : value));
        defects.push(`${port}: ${code}: ${text.slice(0, 300)}`);
      };
      const waiting = requests.values();
      const worker = async (): Promise<void> => {
        for (const request of waiting) {
          const reply = await grpc.call(method, request);
          note("gRPC", reply.ok ? "OK" : reply.code, request);
          note("HTTP", await overHttp(method, request), request);
        }
      };
      await Promise.all([worker(), worker(), worker(), worker()]);
      expect(requests.length).toBeGreaterThan(2);
      expect(defects).toEqual([]);
    },
  );

  it("S19 a ttl that JSON cannot hold is refused beside a request_id", async () => {
    const lifetime = { case: "ttl", value: { seconds: 315_576_000_001n } } as const;
    const request = create(CreateTokenRequestSchema, { ...bases["CreateToken"], lifetime, requestId: randomUUID() });
    for (const port of patwarden.server.ports.filter(({ name }) => name === "gRPC")) {
      expect(await port.call(TokenService.method.createToken, request)).toMatchObject({
        code: "INVALID_ARGUMENT",
        fields: ["ttl"],
      });
    }
    expect(await overHttp(TokenService.method.createToken, request)).toBe("INVALID_ARGUMENT");
  });

  it("S20 usage up to the year 9999 is answered", async () => {
    const endTime = { seconds: 253_402_300_799n };
    for (const port of patwarden.server.ports)
      expect(await port.call(UsageService.method.queryUsage, { endTime })).toMatchObject({ ok: true });
    expect(await overHttp(UsageService.method.queryUsage, create(QueryUsageRequestSchema, { endTime }))).toBe("OK");
  });

  it("S21 a label named __proto__ is refused, not dropped", async () => {
    for (const field of ["metadata", "claims"] as const) {
      const request = create(CreateTokenRequestSchema, { ...bases["CreateToken"], requestId: "" });
      const entry = Buffer.from(`\x0a\x09__proto__\x12\x01v`);
      const number = CreateTokenRequestSchema.field[field].number;
      const bytes = Buffer.concat([
        toBinary(CreateTokenRequestSchema, request),
        Buffer.of((number << 3) | 2, entry.length),
        entry,
      ]);
      const response = await fetch(`${patwarden.server.http}/patwarden.v1.TokenService/CreateToken`, {
        method: "POST",
        headers: { "content-type": "application/proto", authorization: `Bearer ${patwarden.server.keys.admin}` },
        body: bytes,
      });
      expect([response.status, await response.text()]).toEqual([400, expect.stringContaining("invalid_argument")]);
    }
  });
});
