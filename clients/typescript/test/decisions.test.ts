import { describe, expect, it } from "vitest";
import { PatwardenError, Secret } from "../src/index.js";
import { keyOf, openClient, tokenOf } from "./kit/environment.js";
import { failureOf } from "./kit/failure.js";
import { contextOf, itemOf, secretOf, shown, shownError, vectors, whole } from "./kit/vectors.js";

const coalescing = openClient();
const alone = openClient({ coalesce: false });

describe.each([
  { how: "coalescing", client: coalescing },
  { how: "not coalescing", client: alone },
])("check, $how", ({ client }) => {
  it.each(vectors("checks"))("$name", async ({ claims, expect: expected, error, ...question }) => {
    const { token, resource, action, ...options } = itemOf(question);
    const answer = client.check(token, resource, action, { ...options, claims });
    if (expected) expect(shown(await answer)).toEqual(whole(expected));
    else {
      const { fields = [], ...rest } = error;
      expect(shownError(await failureOf(answer))).toMatchObject({ ...rest, fields: fields.toSorted() });
    }
  });
});

describe("check", () => {
  it("answers the same when everything is asked at once", async () => {
    const all = vectors("checks").filter(({ claims }) => claims === undefined);
    const answers = await Promise.allSettled(
      all.map((question) => {
        const { token, resource, action, ...options } = itemOf(question);
        return coalescing.check(token, resource, action, options);
      }),
    );
    expect(
      answers.map((answer) =>
        answer.status === "fulfilled"
          ? shown(answer.value)
          : { code: answer.reason.code, reason: answer.reason.reason },
      ),
    ).toEqual(
      all.map(({ expect: expected, error }) =>
        expected ? whole(expected) : { code: error.code, reason: error.reason },
      ),
    );
  });

  it("takes a Secret", async () => {
    const { secret, subject } = tokenOf("alice");
    expect(await coalescing.check(new Secret(secret), "document:roadmap", "viewer")).toMatchObject({
      allowed: true,
      subject,
    });
  });

  it("tells when the token ends", async () => {
    const { expireTime } = await coalescing.check(tokenOf("alice").secret, "document:roadmap", "viewer");
    expect(expireTime?.getTime()).toBeGreaterThan(Date.now());
  });

  it.each([
    ["a token that is no text", { token: undefined }],
    ["a resource that is no text", { resource: undefined }],
    ["an action that is no text", { action: 7 }],
    ["units that are no integer", { context: { usageUnits: 1.5 } }],
    ["units that no message can hold", { context: { usageUnits: 2 ** 40 } }],
    ["a consistency that there is not", { consistency: "HIGHEST" }],
  ])("rejects %s, and what is asked beside it is answered", async (_, wrong) => {
    const good = { token: tokenOf("alice").secret, resource: "document:roadmap", action: "viewer" };
    const { token, resource, action, ...options } = { ...good, ...wrong } as typeof good;
    const [refused, answered] = await Promise.allSettled([
      coalescing.check(token, resource, action, options),
      coalescing.check(good.token, good.resource, good.action),
    ]);
    expect(refused).toMatchObject({ status: "rejected", reason: expect.any(TypeError) });
    expect(answered).toMatchObject({ status: "fulfilled", value: { allowed: true } });
  });
});

describe("batchCheck", () => {
  it.each(vectors("batches"))("$name", async ({ items, expect: expected }) => {
    const results = await alone.batchCheck(items.map(itemOf));
    expect(
      results.map(({ decision, error }) => (decision ? shown(decision) : { code: error.code, reason: error.reason })),
    ).toEqual(expected.map((one) => ("error" in one ? one.error : whole(one))));
  });

  it("answers nothing with nothing", async () => {
    expect(await alone.batchCheck([])).toEqual([]);
  });

  it("tells for each item that the whole could not be decided", async () => {
    const stranger = openClient({ key: keyOf("unknown") });
    const item = { token: tokenOf("alice").secret, resource: "document:roadmap", action: "viewer" };
    const results = await stranger.batchCheck([item, item]);
    expect(results.map(({ error }) => error?.reason)).toEqual(["CALLER_UNAUTHENTICATED", "CALLER_UNAUTHENTICATED"]);
    expect(results.map(({ error }) => error)).toEqual([expect.any(PatwardenError), expect.any(PatwardenError)]);
  });
});

describe("listResources", () => {
  it.each(vectors("lists"))("$name", async ({ token, type, action, context, expect: expected, error }) => {
    const options = { ...(context && { context: contextOf(context) }) };
    const list = alone.listResources(secretOf(token), type, action, options);
    if (!expected) {
      const { fields = [], ...rest } = error;
      expect(shownError(await failureOf(list))).toMatchObject({ ...rest, fields: fields.toSorted() });
      return;
    }
    const { reason, tokenValid } = await list;
    expect({
      resources: (await (await list).toArray()).toSorted(),
      reason,
      token_valid: tokenValid,
      incomplete: (await list).incomplete,
    }).toEqual(expected);
  });

  it("is one list however many messages it takes", async () => {
    const list = await alone.listResources(tokenOf("librarian").secret, "document", "viewer");
    const seen = new Set<string>();
    for await (const resource of list) {
      expect(list.incomplete).toBe(true);
      seen.add(resource);
    }
    expect(seen.size).toBe(2_500);
    expect(list.incomplete).toBe(false);
  });

  it("is incomplete when it was not read to its end", async () => {
    const list = await alone.listResources(tokenOf("librarian").secret, "document", "viewer");
    for await (const resource of list) {
      expect(resource).toMatch(/^document:archive-/);
      break;
    }
    expect(list.incomplete).toBe(true);
    expect(await list.toArray()).toEqual([]);
  });

  it("is no list when it is cancelled", async () => {
    const list = await alone.listResources(tokenOf("librarian").secret, "document", "viewer");
    list.cancel();
    expect(await failureOf(list.toArray())).toMatchObject({ code: "CANCELLED" });
    expect(list.incomplete).toBe(true);
  });

  it("is no list when the caller's signal ends it", async () => {
    const leaving = new AbortController();
    const { signal } = leaving;
    const list = await alone.listResources(tokenOf("librarian").secret, "document", "viewer", { signal });
    leaving.abort(new Error("the request was closed"));
    expect(await failureOf(list.toArray())).toMatchObject({
      code: "CANCELLED",
      cause: { message: "the request was closed" },
    });
    expect(list.incomplete).toBe(true);
    const late = alone.listResources(tokenOf("librarian").secret, "document", "viewer", { signal });
    expect(await failureOf(late)).toMatchObject({ code: "CANCELLED" });
  });
});

describe("introspect", () => {
  it("tells what a good token is", async () => {
    const { secret, id, subject } = tokenOf("alice");
    const introspection = await alone.introspect(secret);
    expect(introspection).toMatchObject({ active: true, reason: "ALLOWED", token: { id, subject } });
  });

  it("tells why another is none", async () => {
    const introspection = await alone.introspect(new Secret(tokenOf("revoked").secret));
    expect(introspection).toEqual({ active: false, reason: "TOKEN_REVOKED", token: undefined });
  });

  it("takes the bearer's address into account", async () => {
    const { secret } = tokenOf("alice_at_office");
    expect(await alone.introspect(secret, { context: { clientIp: "192.0.3.7" } })).toMatchObject({
      active: false,
      reason: "NETWORK_NOT_ALLOWED",
    });
    expect(await alone.introspect(secret, { context: { clientIp: "192.0.2.7" } })).toMatchObject({ active: true });
  });
});
