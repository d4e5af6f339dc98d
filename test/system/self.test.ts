import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { PolicyService } from "#gen/patwarden/v1/policy_pb.js";
import { CatalogAction_Risk, Organization_Right, SelfService } from "#gen/patwarden/v1/self_pb.js";
import { SubjectService } from "#gen/patwarden/v1/subject_pb.js";
import { TokenService } from "#gen/patwarden/v1/token_pb.js";
import { startTestIssuer, type TestIssuer } from "../kit/issuer.js";
import { grid, type Patwarden, startOnEngines } from "../kit/patwarden.js";
import type { CallSettings } from "../kit/ports.js";
import { hashOf, newKey } from "../kit/server.js";

/** By examples/direct, bob administers acme, alice is a member of it, and carol has no relation to it. */

const { getCaller, listOrganizations, getCatalog, getCreationLimits } = SelfService.method;
const { READ, CREATE, APPROVE, REVOKE, POLICY } = Organization_Right;
const allRights = [READ, CREATE, APPROVE, REVOKE, POLICY];
const acme = "organization:acme";
const day = 86_400n;

const keys = { backend: newKey(), reader: newKey(), restricted: newKey() };
let issuer: TestIssuer;
let engines: Awaited<ReturnType<typeof startOnEngines>>;
beforeAll(async () => {
  issuer = await startTestIssuer();
  engines = await startOnEngines({
    config: {
      limits: { creations_per_hour: 0, revocations_per_minute: 0, lists_per_second: 0 },
      issuers: [
        { issuer: issuer.url, audiences: [issuer.audience], admin: { claim: "roles", value: "patwarden-admin" } },
      ],
      catalog: {
        types: {
          document: {
            label: { en: "Documents", de: "Dokumente" },
            actions: {
              editor: { label: "change", group: "Content", risk: "medium" },
              viewer: { label: { en: "read", de: "lesen" }, description: "Opens.", risk: "low" },
            },
          },
          organization: { actions: { admin: { hidden: true } } },
        },
        templates: [
          {
            id: "write",
            label: { en: "Write", de: "Schreiben" },
            grant: { rules: [{ actions: ["editor"], resources: ["document:*"] }] },
            ttl: "30d",
          },
          {
            id: "invite",
            label: "Invite",
            grant: { rules: [{ actions: ["can_invite"], resources: ["organization:*"] }] },
          },
        ],
        snippets: [{ label: { en: "Shell", de: "Konsole" }, code: "curl $TOKEN" }],
      },
    },
    callers: [
      {
        name: "backend",
        key_sha256: [hashOf(keys.backend)],
        permissions: ["tokens.behalf"],
        max_lifetime: "7d",
        max_grant: { rules: [{ actions: ["viewer"], resources: ["document:*"] }] },
      },
      { name: "reader", key_sha256: [hashOf(keys.reader)], permissions: ["tokens.read"] },
      { name: "restricted", key_sha256: [hashOf(keys.restricted)], permissions: ["admin"], subjects: ["user:carol"] },
    ],
  });
  for (const patwarden of [engines.PostgreSQL, engines.PGlite]) {
    const many = Array.from({ length: 25 }, (_, index) => ({
      user: "user:dora",
      relation: index % 2 === 0 ? "member" : "admin",
      object: `organization:Club-${String(index).padStart(2, "0")}`,
    }));
    await patwarden.openfga.admin.writeTuples(patwarden.openfga.storeId, many);
  }
});
afterAll(async () => {
  await engines.stop();
  await issuer.stop();
});

const as = async (sub: string, claims: object = {}): Promise<CallSettings> => ({
  key: await issuer.sign({ sub, ...claims }),
});
const behalfOf = async (sub: string): Promise<CallSettings> => ({
  key: keys.backend,
  headers: { "patwarden-user-authorization": `Bearer ${await issuer.sign({ sub })}` },
});
const root = () => as("root", { roles: ["patwarden-admin"] });

describe.each(grid)("SelfService over $port on $engine", ({ port, engine }) => {
  let patwarden: Patwarden;
  beforeAll(() => {
    patwarden = engines[engine].over(port);
  });

  describe("GetCaller", () => {
    it("names each kind of caller", async () => {
      const who = (settings?: CallSettings) => patwarden.ask(getCaller, {}, settings);
      expect(await who()).toMatchObject({
        caller: "service:admin",
        permissions: ["admin"],
        subjects: [],
        admin: false,
      });
      expect(await who({ key: patwarden.server.keys.narrow })).toMatchObject({
        caller: "service:narrow",
        permissions: ["tokens.impersonate", "tokens.read", "tokens.revoke"],
        subjects: ["user:*"],
      });
      expect(await who(await as("alice"))).toMatchObject({
        caller: "user:alice",
        admin: false,
        via: "",
        permissions: [],
      });
      expect(await who(await root())).toMatchObject({ caller: "user:root", admin: true });
      expect(await who(await behalfOf("alice"))).toMatchObject({ caller: "user:alice", via: "service:backend" });
      const { token, secret } = patwarden.alice;
      expect(await who({ key: secret })).toMatchObject({ caller: `token:${token.id}`, admin: false, permissions: [] });
      expect(await patwarden.refused(getCaller, {}, { key: null })).toMatchObject({ reason: "CALLER_UNAUTHENTICATED" });
    });

    it("says when the access token of a user ends", async () => {
      const { sessionEndTime } = await patwarden.ask(getCaller, {}, await as("alice"));
      expect(Number(sessionEndTime?.seconds)).toBeGreaterThan(Date.now() / 1000);
    });
  });

  describe("ListOrganizations", () => {
    const list = (request: object, settings?: CallSettings) => patwarden.ask(listOrganizations, request, settings);

    it("lists membership and rights of the user", async () => {
      expect((await list({}, await as("bob"))).organizations).toMatchObject([
        { organization: acme, member: true, rights: allRights },
      ]);
      expect((await list({}, await as("alice"))).organizations).toMatchObject([
        { organization: acme, member: true, rights: [] },
      ]);
      expect(await list({}, await as("carol"))).toMatchObject({ organizations: [], incomplete: false });
      expect((await list({}, await behalfOf("bob"))).organizations).toHaveLength(1);
    });

    it("pages through them by name", async () => {
      const dora = await as("dora");
      const names: string[] = [];
      let pageToken = "";
      do {
        const page = await list({ pageSize: 10, pageToken }, dora);
        names.push(...page.organizations.map(({ organization }) => organization));
        pageToken = page.nextPageToken;
      } while (pageToken !== "");
      expect(names).toHaveLength(25);
      expect(names).toEqual(names.toSorted());
      const { organizations } = await list({ query: "lUB-0" }, dora);
      expect(organizations).toHaveLength(10);
      // Not the type, which is a part of every name.
      expect((await list({ query: "organization" }, dora)).organizations).toEqual([]);
    });

    it("refuses the page token of another list, and subjects that are no users", async () => {
      const { nextPageToken: pageToken } = await list({ pageSize: 1 }, await as("dora"));
      expect(pageToken).not.toBe("");
      const refused = (request: object, settings?: CallSettings) =>
        patwarden.refused(listOrganizations, request, settings);
      expect(await refused({ pageToken, query: "x" }, await as("dora"))).toMatchObject({
        reason: "PAGE_TOKEN_INVALID",
      });
      expect(await refused({ pageToken }, await as("bob"))).toMatchObject({ reason: "PAGE_TOKEN_INVALID" });
      expect(await refused({ subject: acme })).toMatchObject({ reason: "INVALID_FIELD", fields: ["subject"] });
      expect(await refused({ pageSize: 1001, query: "x".repeat(101), subject: "user:a" })).toMatchObject({
        fields: ["query", "page_size"],
      });
      expect(await refused({})).toMatchObject({ reason: "INVALID_FIELD", fields: ["subject"] });
    });

    it("shows others' organizations to administrators and services alone", async () => {
      const request = { subject: "user:bob" };
      expect((await list(request, await root())).organizations).toHaveLength(1);
      expect((await list(request, { key: keys.reader })).organizations).toHaveLength(1);
      for (const settings of [await as("alice"), await behalfOf("alice"), { key: keys.restricted }]) {
        expect(await patwarden.refused(listOrganizations, request, settings)).toMatchObject({ reason: "NOT_FOUND" });
      }
      for (const key of [patwarden.server.keys.checker, patwarden.alice.secret]) {
        expect(await patwarden.refused(listOrganizations, request, { key })).toMatchObject({
          reason: "CALLER_FORBIDDEN",
        });
      }
    });
  });

  describe("GetCatalog", () => {
    it("has the words of the language, in the order of the configuration", async () => {
      const { types, templates, snippets } = await patwarden.ask(getCatalog, { language: "de-AT" }, await as("alice"));
      expect(types).toMatchObject([
        {
          type: "document",
          label: "Dokumente",
          actions: [
            { action: "editor", label: "change", group: "Content", risk: CatalogAction_Risk.MEDIUM },
            { action: "viewer", label: "lesen", description: "Opens.", risk: CatalogAction_Risk.LOW },
          ],
        },
        // Without words, and without the hidden one.
        { type: "organization", label: "", actions: [{ action: "can_invite" }, { action: "member", label: "" }] },
      ]);
      expect(templates).toMatchObject([
        { id: "write", label: "Schreiben", ttl: { seconds: 30n * day } },
        { id: "invite", label: "Invite" },
      ]);
      expect(snippets).toMatchObject([{ label: "Konsole", code: "curl $TOKEN" }]);
      const english = await patwarden.ask(getCatalog, { language: "fr" }, await as("alice"));
      expect(english.types[0]?.label).toBe("Documents");
    });

    it("has only what the subject can hold", async () => {
      const { types, templates } = await patwarden.ask(getCatalog, { subject: acme }, { key: keys.reader });
      expect(types.map(({ type }) => type)).toEqual(["document"]);
      expect(templates.map(({ id }) => id)).toEqual(["write"]);
    });

    it("refuses what is no language and callers without a subject", async () => {
      expect(await patwarden.refused(getCatalog, { subject: acme, language: "de_AT" })).toMatchObject({
        fields: ["language"],
      });
      expect(await patwarden.refused(getCatalog, {})).toMatchObject({ fields: ["subject"] });
    });
  });

  describe("GetCreationLimits", () => {
    const limits = (request: object, settings?: CallSettings) => patwarden.ask(getCreationLimits, request, settings);
    const refusedLimits = async (request: object, settings?: CallSettings) =>
      (await patwarden.refused(getCreationLimits, request, settings)).reason;

    it("has the stricter of the policies, the ceilings and the default", async () => {
      const policy = { scope: acme, maxLifetime: { seconds: 60n * day }, forbidFull: true };
      await patwarden.ask(PolicyService.method.updatePolicy, {
        policy,
        updateMask: { paths: ["max_lifetime", "forbid_full"] },
      });
      const alice = await as("alice");
      expect(await limits({}, alice)).toMatchObject({
        limits: { scope: "", etag: "", defaultLifetime: { seconds: 90n * day }, forbidFull: false },
        mayCreate: true,
      });
      expect((await limits({}, alice)).limits?.maxLifetime).toBeUndefined();
      expect(await limits({ organization: acme }, alice)).toMatchObject({
        limits: {
          maxLifetime: { seconds: 60n * day },
          defaultLifetime: { seconds: 60n * day },
          forbidFull: true,
        },
        mayCreate: true,
      });
      expect(await limits({ organization: acme }, await behalfOf("alice"))).toMatchObject({
        limits: { maxLifetime: { seconds: 7n * day }, defaultLifetime: { seconds: 7n * day } },
        maxGrant: { rules: [{ actions: ["viewer"], resources: ["document:*"] }] },
        mayCreate: true,
      });
    });

    it("are for members and creators of an organization", async () => {
      expect(await limits({ subject: acme }, await as("bob"))).toMatchObject({ mayCreate: true });
      // A member may know them, and may not create the organization's own tokens.
      expect(await limits({ subject: acme }, await as("alice"))).toMatchObject({ mayCreate: false });
      const carol = await as("carol");
      expect(await refusedLimits({ subject: acme }, carol)).toBe("NOT_FOUND");
      expect(await refusedLimits({ organization: acme }, carol)).toBe("NOT_FOUND");
      expect(await refusedLimits({ subject: "user:alice" }, carol)).toBe("NOT_FOUND");
      expect(await refusedLimits({ subject: "user:alice" }, { key: keys.restricted })).toBe("NOT_FOUND");
      expect(await refusedLimits({ subject: "user:carol", organization: acme }, { key: keys.restricted })).toBe(
        "NOT_FOUND",
      );
      expect(await limits({ subject: "user:carol", organization: acme }, await root())).toMatchObject({
        mayCreate: false,
      });
      expect(await refusedLimits({ subject: acme, organization: acme })).toBe("INVALID_FIELD");
    });

    it("say that a service without the permission may not create", async () => {
      expect(await limits({ subject: "user:alice" }, { key: keys.reader })).toMatchObject({ mayCreate: false });
      expect(await limits({ subject: "user:alice" }, { key: patwarden.server.keys.narrow })).toMatchObject({
        mayCreate: true,
        limits: { maxLifetime: { seconds: day } },
      });
    });

    it("say that a deleted subject gets no tokens", async () => {
      const subject = `user:gone-${port}-${engine}`;
      await patwarden.createToken({ subject });
      expect(await limits({ subject })).toMatchObject({ mayCreate: true });
      await patwarden.ask(SubjectService.method.deleteSubject, { subject });
      expect(await limits({ subject })).toMatchObject({ mayCreate: false });
    });
  });

  it("reports every exceeded limit at once, the first one as metadata", async () => {
    const backend = await behalfOf("alice");
    const request = {
      name: "n",
      organization: acme,
      grant: { full: true },
      lifetime: { case: "neverExpires", value: true },
    };
    const refused = await patwarden.refused(
      TokenService.method.createToken,
      { ...request, validateOnly: true } as object,
      backend,
    );
    expect(refused).toMatchObject({
      reason: "POLICY_VIOLATION",
      metadata: { field: "expire_time", limit: "max_lifetime", scope: acme, value: "5184000s" },
      preconditions: [
        { type: "max_lifetime", subject: "expire_time" },
        { type: "forbid_full", subject: "grant" },
        { type: "max_grant", subject: "grant" },
        { type: "max_lifetime", subject: "expire_time" },
      ],
    });
    const { token } = await patwarden.createToken({ organization: acme, grant: { rules: [] } });
    const wider = { id: token.id, grant: { full: true }, neverExpires: true };
    const update = { token: wider, updateMask: { paths: ["grant", "never_expires"] } };
    expect(await patwarden.refused(TokenService.method.updateToken, update)).toMatchObject({
      metadata: { field: "expire_time", limit: "max_lifetime" },
      preconditions: [
        { type: "max_lifetime", subject: "token.expire_time" },
        { type: "forbid_full", subject: "token.grant" },
      ],
    });
  });

  it("answers what needs no OpenFGA while OpenFGA is down", async () => {
    const alice = await as("alice");
    const { openfga } = patwarden.faults;
    openfga.cut();
    try {
      expect(await patwarden.ask(getCaller, {}, alice)).toMatchObject({ caller: "user:alice" });
      expect(await patwarden.ask(getCreationLimits, {}, alice)).toMatchObject({ mayCreate: true });
      expect((await patwarden.ask(getCatalog, {}, alice)).types).not.toEqual([]);
      expect(await patwarden.refused(listOrganizations, {}, alice)).toMatchObject({ reason: "OPENFGA_UNAVAILABLE" });
      expect(await patwarden.refused(getCreationLimits, { organization: acme }, alice)).toMatchObject({
        reason: "OPENFGA_UNAVAILABLE",
      });
    } finally {
      openfga.heal();
      await vi.waitFor(() => patwarden.ask(listOrganizations, {}, alice), { timeout: 20_000 });
    }
  });
});
