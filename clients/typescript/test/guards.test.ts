import { once } from "node:events";
import { request as httpRequest, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { serve } from "@hono/node-server";
import { getConnInfo } from "@hono/node-server/conninfo";
import express, { type ErrorRequestHandler, type Request } from "express";
import Fastify, { type FastifyRequest } from "fastify";
import { type Context, Hono } from "hono";
import { afterAll, afterEach, describe, expect, it, vi } from "vitest";
import { expressGuard } from "../src/express.js";
import { fastifyGuard } from "../src/fastify.js";
import type { GuardOptions, HostDecision, Permission, Refusal } from "../src/guard.js";
import { honoGuard } from "../src/hono.js";
import { type Allowed, parseSecret } from "../src/index.js";
import { control, openClient, tokenOf } from "./kit/environment.js";
import { checkOf, startRelay } from "./kit/relay.js";
import { vectors } from "./kit/vectors.js";

/** A guard of a test, for any framework. */
interface Guarded {
  readonly options?: Pick<
    GuardOptions<unknown>,
    "realm" | "verify" | "explainInvalidToken" | "logger" | "onRefused" | "claims" | "timeoutMs"
  >;
  /** Whether the peer's address is sent. */
  readonly withClientIp?: boolean;
  readonly permission: Permission | ((id: string) => Permission | Promise<Permission>);
}

interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Partial<Allowed> & { readonly message?: string; readonly reason?: string };
}

type Ask = (headers: Readonly<Record<string, string>> | readonly string[], path?: string) => Promise<Reply>;

const relay = await startRelay();
const client = openClient({ endpoint: relay.endpoint });
const closing: (() => Promise<unknown> | unknown)[] = [];
afterAll(async () => {
  for (const close of closing.splice(0)) await close();
});

/** A flat list is sent as it is, so that a name can come twice. */
function asker(port: number): Ask {
  return async (headers, path = "/guarded/roadmap") => {
    const raw = Array.isArray(headers) ? headers : Object.entries(headers).flat();
    const request = httpRequest({ host: "127.0.0.1", port, path, agent: false });
    request.removeHeader("host");
    for (const name of new Set(raw.filter((_, index) => index % 2 === 0))) {
      const values = raw.filter((_, index) => index % 2 === 1 && raw[index - 1] === name);
      request.setHeader(name, values);
    }
    request.setHeader("host", "test");
    request.end();
    const [response] = await once(request, "response");
    return { status: response.statusCode, headers: response.headers, body: JSON.parse(await text(response)) };
  };
}

const portOf = (address: unknown): number => (address as AddressInfo).port; // all listen on TCP

const frameworks = {
  async Express({ options, withClientIp, permission }: Guarded): Promise<Ask> {
    const guard = expressGuard(client, { ...options, ...(withClientIp && { clientIp: ({ ip }: Request) => ip }) });
    const route =
      typeof permission === "function" ? ({ params }: Request) => permission(String(params["id"])) : permission;
    const app = express();
    app.get("/guarded/:id", guard(route), (request, response) => void response.json(request.patwarden));
    app.use(((error, _request, response, _next) => {
      response.status(418).json({ message: String(error.message) });
    }) satisfies ErrorRequestHandler);
    const server = app.listen(0, "127.0.0.1");
    closing.push(() => server.close());
    await once(server, "listening");
    return asker(portOf(server.address()));
  },

  async Fastify({ options, withClientIp, permission }: Guarded): Promise<Ask> {
    const clientIp = ({ ip }: FastifyRequest) => ip;
    const guard = fastifyGuard(client, { ...options, ...(withClientIp && { clientIp }) });
    const onRequest = guard<{ Params: { id: string } }>(
      typeof permission === "function" ? ({ params }) => permission(params.id) : permission,
    );
    const app = Fastify();
    app.get("/guarded/:id", { onRequest }, async (request) => request.patwarden);
    app.setErrorHandler((error: Error, _request, reply) => reply.code(418).send({ message: error.message }));
    closing.push(() => app.close());
    await app.listen({ port: 0, host: "127.0.0.1" });
    return asker(portOf(app.server.address()));
  },

  async Hono({ options, withClientIp, permission }: Guarded): Promise<Ask> {
    const clientIp = (context: Context) => getConnInfo(context).remote.address;
    const guard = honoGuard(client, { ...options, ...(withClientIp && { clientIp }) });
    const app = new Hono();
    const route =
      typeof permission === "function" ? ({ req }: Context) => permission(req.param("id") ?? "") : permission;
    app.get("/guarded/:id", guard(route), (context) => context.json(context.var.patwarden));
    app.onError((error, context) => context.json({ message: error.message }, 418));
    const server = serve({ fetch: app.fetch, port: 0, hostname: "127.0.0.1" });
    closing.push(() => server.close());
    await once(server, "listening");
    return asker(portOf(server.address()));
  },
};

const roadmap: Permission = { resource: "document:roadmap", action: "viewer" };
const { secret: alice, id: aliceId } = tokenOf("alice");
const quiet = { warn: () => undefined };
const bearer = (token: string) => ({ Authorization: `Bearer ${token}` });

describe.each(Object.entries(frameworks))("a guard of %s", (_, guard) => {
  afterEach(() => {
    relay.interfere = undefined;
  });

  describe("answers to", () => {
    const cut = vectors("guards").filter(({ fault }) => fault);
    const well = vectors("guards").filter(({ fault }) => !fault);

    const test = async (vector: (typeof well)[number]): Promise<void> => {
      const { headers, query, route, explain_invalid_token: explainInvalidToken, expect: expected } = vector;
      const ask = await guard({ permission: route, options: { explainInvalidToken, logger: quiet } });
      const reply = await ask(headers, `/guarded/roadmap${query === undefined ? "" : `?${query}`}`);
      expect([reply.status, reply.body.subject]).toEqual([expected.status, expected.subject]);
      if (expected.body) {
        expect(reply.body).toEqual(expected.body);
        expect(reply.headers["content-type"]).toMatch(/^application\/problem\+json(;|$)/);
      }
      const challenge = reply.headers["www-authenticate"];
      if (expected.www_authenticate !== undefined) expect(challenge).toContain(expected.www_authenticate);
      if (expected.www_authenticate_without !== undefined) {
        expect(challenge).not.toContain(expected.www_authenticate_without);
      }
      expect(challenge === undefined).toBe(expected.status !== 401);
      expect(reply.headers["retry-after"]).toEqual(
        expected.status === 503 ? expect.stringMatching(/^[1-9]\d*$/) : undefined,
      );
    };

    it.each(well)("$name", test);

    describe("while OpenFGA cannot be reached,", () => {
      it.each(cut)("$name", async (vector) => {
        await control("/openfga/cut");
        try {
          await test(vector);
        } finally {
          await control("/openfga/heal");
        }
      });
    });
  });

  it("tells the handler what was decided", async () => {
    const ask = await guard({ permission: roadmap, options: { claims: ["plan"] } });
    const { body } = await ask(bearer(alice));
    expect(body).toMatchObject({
      allowed: true,
      tokenValid: true,
      reason: "ALLOWED",
      subject: "user:alice",
      tokenId: aliceId,
      claims: { plan: "gold" },
    });
  });

  it("asks for what the route says of the request", async () => {
    const ask = await guard({ permission: async (id) => ({ resource: `document:${id}`, action: "viewer" }) });
    expect((await ask(bearer(alice), "/guarded/roadmap")).status).toBe(200);
    expect((await ask(bearer(alice), "/guarded/payroll")).status).toBe(403);
  });

  it("leaves what the route's function throws to the framework", async () => {
    const ask = await guard({
      permission: () => {
        throw new Error("no such document");
      },
    });
    expect(await ask(bearer(alice))).toMatchObject({ status: 418, body: { message: "no such document" } });
    expect((await ask({})).status).toBe(401);
  });

  it("tells the bearer's address only where it is asked to", async () => {
    const ask = await guard({ permission: roadmap, withClientIp: true });
    relay.forget();
    await ask(bearer(alice));
    expect(relay.seen.map((one) => checkOf(one).context?.clientIp)).toEqual([expect.stringMatching(/127\.0\.0\.1$/)]);
    relay.forget();
    const silent = await guard({ permission: roadmap });
    await silent({ ...bearer(alice), "X-Forwarded-For": "192.0.2.7" });
    expect(relay.seen.map((one) => checkOf(one).context?.clientIp ?? "")).toEqual([""]);
  });

  it("refuses a credential header that is sent twice", async () => {
    const ask = await guard({ permission: roadmap });
    for (const name of ["Authorization", "X-API-Key"]) {
      const value = name === "Authorization" ? `Bearer ${alice}` : alice;
      expect((await ask([name, value, name, value])).status).toBe(401);
    }
  });

  it.each([
    ["a good one behind one that cannot be read", { Authorization: "Digest x", "X-API-Key": alice }],
    ["a good one behind an empty one", { Authorization: "", "X-API-Key": alice }],
    ["two in one header", { Authorization: `Bearer ${alice}, Bearer ${alice}` }],
    ["two keys in one header", { "X-API-Key": `${alice}, ${alice}` }],
    ["two words behind Basic", { Authorization: "Basic YTpi\tYzpk" }],
  ])("refuses %s", async (__, headers) => {
    const ask = await guard({ permission: roadmap });
    expect((await ask(headers)).status).toBe(401);
  });

  it("names its realm", async () => {
    const ask = await guard({ permission: roadmap, options: { realm: "acme's API" } });
    expect((await ask({})).headers["www-authenticate"]).toBe(`Bearer realm="acme's API"`);
  });

  it("refuses a realm that would break the header", async () => {
    await expect(guard({ permission: roadmap, options: { realm: 'x", error="none' } })).rejects.toThrow(TypeError);
  });

  it("writes a line to the console when no decision could be made, and never a token", async () => {
    const warn = vi.spyOn(console, "warn").mockImplementation(() => undefined);
    try {
      const undecided = await guard({ permission: { resource: "document:roadmap", action: "owner" } });
      await undecided(bearer(alice));
      const broken = await guard({
        permission: roadmap,
        options: {
          verify: (credential) => {
            throw new Error(`no key for\n${credential}`, { cause: new Error("the issuer is down") });
          },
        },
      });
      await broken(bearer("jwt-of-wendy"));
      const refused = await guard({ permission: { resource: "document:a b", action: "viewer" } });
      for (const headers of [{}, bearer(alice), bearer(tokenOf("revoked").secret)]) await refused(headers);
      expect(warn.mock.calls).toEqual([
        [
          expect.stringMatching(
            /^patwarden: no decision about owner of document:roadmap: .* UNKNOWN_ACTION: .+ \(request .+\)$/,
          ),
        ],
        [
          "patwarden: no decision about viewer of document:roadmap: " +
            "Error: no key for [redacted]; cause: Error: the issuer is down",
        ],
      ]);
      expect(JSON.stringify(warn.mock.calls)).not.toContain(alice);
    } finally {
      warn.mockRestore();
    }
  });

  it("never repeats a credential, and forbids keeping what it answers", async () => {
    for (const token of [tokenOf("revoked").secret, alice.slice(0, -1), "AIzaSyA0000000"]) {
      const ask = await guard({ permission: roadmap });
      const reply = await ask(bearer(token));
      expect(JSON.stringify(reply)).not.toContain(token);
      expect(reply.headers["cache-control"]).toBe("no-store");
    }
  });

  it("reports whom it refused, and why", async () => {
    const refusals: Refusal[] = [];
    const options = { logger: quiet, onRefused: (refusal: Refusal) => void refusals.push(refusal) };
    const ask = await guard({ permission: roadmap, options });
    await ask({});
    await ask(bearer(tokenOf("revoked").secret));
    await ask(bearer(alice));
    const unknown = await guard({ permission: { resource: "document:roadmap", action: "owner" }, options });
    await unknown(bearer(alice));
    expect(refusals).toMatchObject([
      { status: 401 },
      { status: 401, decision: { reason: "TOKEN_REVOKED" } },
      { status: 503, error: { code: "INVALID_ARGUMENT", reason: "UNKNOWN_ACTION" } },
    ]);
  });

  it("answers 503 when time is over before there is a decision", async () => {
    relay.interfere = () => "taken";
    const ask = await guard({ permission: roadmap, options: { timeoutMs: 100, logger: quiet } });
    expect((await ask(bearer(alice))).status).toBe(503);
  });

  describe("with a verifier of the host", () => {
    const asked: (readonly [string, Permission])[] = [];
    const verified: Record<string, () => HostDecision | undefined> = {
      "jwt-of-wendy": () => ({ allowed: true, subject: "user:wendy", claims: { plan: "free" } }),
      "jwt-of-victor": () => ({ allowed: false }),
      "jwt-of-nobody": () => ({ allowed: true, subject: "" }),
      "jwt-in-a-storm": () => {
        throw new Error("the keys cannot be fetched");
      },
    };
    const options = {
      logger: quiet,
      verify: async (credential: string, permission: Permission) => {
        asked.push([credential, permission]);
        return verified[credential]?.();
      },
    };

    it("gives what it says the shape of a decision of Patwarden", async () => {
      const ask = await guard({ permission: roadmap, options });
      const [ofHost, ofPatwarden] = [await ask(bearer("jwt-of-wendy")), await ask(bearer(alice))];
      expect(ofHost).toMatchObject({
        status: 200,
        body: { allowed: true, tokenValid: true, reason: "ALLOWED", subject: "user:wendy", claims: { plan: "free" } },
      });
      expect(ofPatwarden).toMatchObject({ status: 200, body: { allowed: true, subject: "user:alice" } });
      expect(asked.at(-1)).toEqual(["jwt-of-wendy", roadmap]);
    });

    it.each([
      ["what it does not know", "jwt-of-a-stranger", 401],
      ["whom it denies", "jwt-of-victor", 403],
      ["what it allows to nobody", "jwt-of-nobody", 503],
      ["what it cannot decide", "jwt-in-a-storm", 503],
    ])("refuses %s", async (__, credential, status) => {
      const ask = await guard({ permission: roadmap, options });
      expect((await ask(bearer(credential))).status).toBe(status);
      expect((await ask({ "X-API-Key": credential })).status).toBe(status);
    });

    it("does not show it what begins like a token", async () => {
      asked.length = 0;
      const ask = await guard({ permission: roadmap, options });
      expect(parseSecret(alice)).toBeDefined();
      for (const token of [alice, alice.slice(0, -1), "pw_svc_x", "pw_"]) await ask(bearer(token));
      expect(asked).toEqual([]);
    });
  });
});
