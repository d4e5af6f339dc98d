import { describe, expect, it } from "vitest";
import { resolvedToken, testTime } from "../../test/kit/token.js";
import { Failure } from "../domain/errors.js";
import type { ActionName, ResourceName, SubjectName } from "../domain/identifier.js";
import { type Address, parseAddress } from "../domain/network.js";
import type { OpenFgaAnswer, Question, ResourcePage, ResourceQuery } from "../domain/permission-checker.js";
import { noPolicy } from "../domain/policy.js";
import type { Grant } from "../domain/token.js";
import { type ListQuestion, listResources } from "./list-resources.js";
import type { Listing } from "./reach.js";
import type { Resolution } from "./token-resolver.js";

const alice = "user:alice" as SubjectName;
const acme = "organization:acme" as SubjectName;
const down = new Failure("OPENFGA_UNAVAILABLE");

/** Parses a grant, which must be well formed. */
const rules = (...each: readonly [action: string, ...resources: string[]][]): Grant =>
  ({ kind: "rules", rules: each.map(([action, ...resources]) => ({ actions: [action], resources })) }) as Grant;

function known(...facts: Parameters<typeof resolvedToken>): Resolution {
  return { kind: "known", token: resolvedToken({ subject: alice, ...facts[0] }, facts[1]) };
}

/** Lists with a token, and with an OpenFGA that lists these pages and answers by resource; undefined allows. */
function setUp(
  resolution: Resolution,
  {
    pages = [] as readonly (ResourcePage | Failure)[],
    permissions = {} as Readonly<Record<string, OpenFgaAnswer>>,
  } = {},
) {
  const asked: Question[] = [];
  const listed: ResourceQuery[] = [];
  const told: string[] = [];
  const list = (over: Partial<ListQuestion> = {}) =>
    listResources(
      {
        tokens: { resolve: () => resolution },
        permissions: {
          async check(questions) {
            asked.push(...questions);
            return questions.map(({ resource }) => permissions[resource] ?? true);
          },
        },
        resources: {
          async *list(query) {
            listed.push(query);
            for (const page of pages) {
              if (page instanceof Failure) throw page;
              yield page;
            }
          },
        },
        clock: { now: () => testTime },
        memberRelation: "member" as ActionName,
        onUse: ({ subject }) => told.push(`use by ${subject}`),
        onSuperseded: ({ subject }) => told.push(`superseded of ${subject}`),
      },
      {
        token: "x",
        type: "document",
        action: "viewer" as ActionName,
        clientAddress: undefined,
        consistency: "minimize-latency",
        ...over,
      },
      {},
    );
  return { list, asked, listed, told };
}

/** Joins all pages, and checks that each has at most 1,000 names and that only the last may be incomplete. */
async function read(listing: Listing | Failure) {
  if (listing instanceof Failure) return listing.reason;
  const { reason, pages } = listing;
  const resources: string[] = [];
  const words: boolean[] = [];
  for await (const page of pages) {
    expect(page.resources.length).toBeLessThanOrEqual(1_000);
    resources.push(...page.resources);
    words.push(page.incomplete);
  }
  expect(words.slice(0, -1)).not.toContain(true);
  return { reason, resources, incomplete: words.at(-1) };
}

const page = (incomplete: boolean, ...resources: string[]): ResourcePage => ({
  resources: resources as ResourceName[],
  incomplete,
});

describe("a token that is refused by its own rules", () => {
  const past = new Date(testTime.getTime() - 1);
  it.each<[string, Resolution]>([
    ["TOKEN_MALFORMED", { kind: "malformed" }],
    ["TOKEN_UNKNOWN", { kind: "unknown" }],
    ["TOKEN_EXPIRED", known({ expireTime: testTime })],
    ["TOKEN_REVOKED", known({ revocation: { time: past, by: alice, reason: "LEAKED" } })],
    ["NETWORK_NOT_ALLOWED", known({ allowedCidrs: ["192.0.2.0/24"] })],
    ["NOT_GRANTED", known({ grant: { kind: "rules", rules: [] } })],
    ["NOT_GRANTED", known({ grant: rules(["editor", "document:*"], ["viewer", "folder:*", "folder:1"]) })],
    ["POLICY", known({}, { policy: { ...noPolicy, allowedActions: ["editor" as ActionName] } })],
    ["POLICY", known({}, { policy: { ...noPolicy, forbidFull: true } })],
    // The grant is checked before the policy, as in Check.
    ["NOT_GRANTED", known({ grant: rules(["editor", "*"]) }, { policy: { ...noPolicy, blockAll: true } })],
  ])("is answered %s with an empty list, and OpenFGA is not asked", async (reason, resolution) => {
    const { list, asked, listed, told } = setUp(resolution);
    expect(await read(await list())).toEqual({ reason, resources: [], incomplete: false });
    expect([asked, listed, told]).toEqual([[], [], []]);
  });

  it("because of a superseded secret is reported", async () => {
    const { list, told } = setUp(known({}, { secret: { retireTime: past } as never }));
    expect(await read(await list())).toMatchObject({ reason: "TOKEN_SUPERSEDED" });
    expect(told).toEqual(["superseded of user:alice"]);
  });

  it("is a failure when it could not be read", async () => {
    const failure = new Failure("DATABASE_UNAVAILABLE");
    expect(await setUp({ kind: "failed", failure }).list()).toBe(failure);
  });
});

describe("a grant of a whole type", () => {
  it.each<[string, Grant]>([
    ["full", { kind: "full" }],
    ["type:*", rules(["viewer", "document:1"], ["viewer", "document:*"])],
    ["*", rules(["viewer", "*"])],
  ])("(%s) is OpenFGA's list, page by page", async (_what, grant) => {
    const address = parseAddress("192.0.2.1");
    const clientAddress: Address | undefined = address.ok ? address.value : undefined;
    const { list, asked, listed, told } = setUp(known({ grant }), {
      pages: [page(false, "document:1", "document:2"), page(true, "document:3")],
    });
    expect(await read(await list({ clientAddress }))).toEqual({
      reason: "ALLOWED",
      resources: ["document:1", "document:2", "document:3"],
      incomplete: true,
    });
    expect(asked).toEqual([]);
    expect(listed).toEqual([{ subject: alice, action: "viewer", type: "document", clientAddress }]);
    expect(told).toEqual(["use by user:alice"]);
  });

  it("removes all resources that it does not include from OpenFGA's list", async () => {
    const { list } = setUp(known({ grant: rules(["viewer", "document:*"]) }), {
      pages: [page(false, "document:1", "folder:1")],
    });
    expect(await read(await list())).toMatchObject({ resources: ["document:1"] });
  });

  it("fails when OpenFGA fails in the middle", async () => {
    const listing = await setUp(known(), { pages: [page(false, "document:1"), down] }).list();
    await expect(read(listing)).rejects.toBe(down);
  });
});

describe("a grant of named resources", () => {
  const grant = rules(
    ["viewer", "document:1", "document:2"],
    ["editor", "document:3"],
    ["viewer", "folder:1", "document:4"],
  );

  it("checks only these resources, however many OpenFGA would list", async () => {
    const { list, asked, listed } = setUp(known({ grant }), { permissions: { "document:2": false } });
    expect(await read(await list())).toEqual({
      reason: "ALLOWED",
      resources: ["document:1", "document:4"],
      incomplete: false,
    });
    expect(asked.map(({ subject, action, resource }) => [subject, action, resource])).toEqual([
      [alice, "viewer", "document:1"],
      [alice, "viewer", "document:2"],
      [alice, "viewer", "document:4"],
    ]);
    expect(listed).toEqual([]);
  });

  it("is incomplete when some checks fail, and a failure when all fail", async () => {
    const some = setUp(known({ grant }), { permissions: { "document:1": down, "document:2": false } });
    expect(await read(await some.list())).toEqual({ reason: "ALLOWED", resources: ["document:4"], incomplete: true });
    const none = setUp(known({ grant }), {
      permissions: { "document:1": down, "document:2": down, "document:4": down },
    });
    expect(await read(await none.list())).toBe("OPENFGA_UNAVAILABLE");
    expect(none.told).toEqual([]);
  });

  it("comes in pages as well", async () => {
    const names = Array.from({ length: 14 }, (_, rule) =>
      Array.from({ length: 100 }, (_, index) => `document:${rule}-${index}`),
    );
    const { list } = setUp(
      known({ grant: rules(...names.map((each) => ["viewer", ...each] as [string, ...string[]])) }),
    );
    const listing = await list();
    if (listing instanceof Failure) throw listing;
    const sizes: number[] = [];
    for await (const { resources } of listing.pages) sizes.push(resources.length);
    expect(sizes).toEqual([1_000, 400]);
  });
});

describe("a token bound to an organization", () => {
  const bound = { organization: acme };
  const membership = { subject: alice, action: "member", resource: "organization:acme", clientAddress: undefined };
  const granted = { ...bound, grant: rules(["viewer", "document:1"]) };

  it.each<[string, object, string[], string[]]>([
    ["a whole type", bound, ["organization:acme"], ["document:1", "document:2"]],
    ["named resources", granted, ["organization:acme", "document:1"], ["document:1"]],
  ])("lists %s for a member", async (_what, facts, questions, resources) => {
    const { list, asked } = setUp(known(facts), { pages: [page(false, "document:1", "document:2")] });
    expect(await read(await list())).toEqual({ reason: "ALLOWED", resources, incomplete: false });
    expect(asked[0]).toEqual(membership);
    expect(asked.map(({ resource }) => resource)).toEqual(questions);
  });

  it("lists only the named resources that a member may access", async () => {
    const grant = rules(["viewer", "document:1", "document:2", "document:3"]);
    const permissions = { "document:1": false, "document:3": false };
    const { list } = setUp(known({ ...bound, grant }), { permissions });
    expect(await read(await list())).toMatchObject({ reason: "ALLOWED", resources: ["document:2"] });
  });

  it.each<[string, object]>([
    ["a whole type", bound],
    ["named resources", granted],
  ])("lists nothing of %s for others, and fails when nobody can say", async (_what, facts) => {
    const other = setUp(known(facts), { permissions: { "organization:acme": false, "document:1": down } });
    expect(await read(await other.list())).toEqual({ reason: "NOT_A_MEMBER", resources: [], incomplete: false });
    const unsure = setUp(known(facts), { permissions: { "organization:acme": down } });
    expect(await unsure.list()).toBe(down);
    expect([other, unsure].flatMap(({ listed, told }) => [...listed, ...told])).toEqual([]);
  });
});
