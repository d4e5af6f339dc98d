import { readFile } from "node:fs/promises";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { PolicyService } from "#gen/patwarden/v1/policy_pb.js";
import { Reason } from "#gen/patwarden/v1/reason_pb.js";
import { SubjectService } from "#gen/patwarden/v1/subject_pb.js";
import { RevocationReason, type Token, Token_State, TokenService } from "#gen/patwarden/v1/token_pb.js";
import { UsageService } from "#gen/patwarden/v1/usage_pb.js";
import { type Locator, noBrowser, overflows, type Page, type Visit } from "../kit/browser.js";
import { httpPort } from "../kit/ports.js";
import { type ConsolePage, type Person, startConsolePage } from "./console-page.js";

const { createToken, updateToken, approveToken, getToken, revokeToken, suspendToken } = TokenService.method;
const { getPolicy, updatePolicy } = PolicyService.method;
const { disableSubject, enableSubject } = SubjectService.method;
const { queryUsage } = UsageService.method;
const acme = "organization:acme";
const day = 86_400_000;
const rules = (actions: string[], resources: string[]) => ({ rules: [{ actions, resources }] });

describe.skipIf(noBrowser)("the page of an organization", () => {
  let page: ConsolePage;
  const visits: Visit[] = [];
  const signedIn = new Map<Person, Page>();
  beforeAll(async () => {
    page = await startConsolePage({
      config: { public_http: { listen: "127.0.0.1:0" } },
      issuer: { step_up: { max_age: "10m" } },
    });
  });
  afterAll(async () => {
    for (const visit of visits) expect(visit.problems).toEqual([]);
    await page.stop();
  });

  /** Opens a path in the person's window, which stays signed in. */
  const open = async (person: Person, path: string): Promise<Page> => {
    const known = signedIn.get(person);
    if (known) {
      await known.goto(page.url + path);
      return known;
    }
    const visit = await page.open(person, path);
    visits.push(visit);
    signedIn.set(person, visit.page);
    return visit.page;
  };
  const make = async (name: string, request: object = {}) =>
    (await page.patwarden.createToken({ subject: acme, name, ...request })).token;
  const makeAll = async (names: readonly string[]): Promise<readonly Token[]> => {
    const made: (Token | undefined)[] = [];
    for (let n = 0; n < names.length; n += 10)
      made.push(...(await Promise.all(names.slice(n, n + 10).map((name) => make(name)))));
    return made.filter((token) => token !== undefined);
  };
  /** Calls as a person, past the page. */
  const as = async (person: Person) => {
    const port = httpPort(page.patwarden.server.publicHttp, "");
    const key = await page.issuer.sign({ sub: person, auth_time: Math.floor(Date.now() / 1000) });
    return {
      make: async (request: object): Promise<Token> => {
        const made = await port.call(createToken, request, { key });
        if (!made.ok || !made.value.token) throw new Error(made.ok ? "no token" : made.message);
        return made.value.token;
      },
      widen: async (id: string, grant: object) => {
        const token = { id, grant };
        const changed = await port.call(updateToken, { token, updateMask: { paths: ["grant"] } }, { key });
        if (!changed.ok) throw new Error(changed.message);
      },
      approve: async ({ id, etag }: Token, comment = "") => {
        const approved = await port.call(approveToken, { id, etag, comment }, { key });
        if (!approved.ok) throw new Error(approved.message);
      },
    };
  };
  const stored = async ({ id }: Token) => (await page.patwarden.ask(getToken, { id })).token;
  const setPolicy = async (policy: object, ...paths: string[]) =>
    page.patwarden.ask(updatePolicy, { policy: { scope: acme, ...policy }, updateMask: { paths } });
  const row = (at: Page, name: string): Locator => at.getByRole("row").filter({ hasText: name });
  const see = (at: Page | Locator, text: string | RegExp) => at.getByText(text).first().waitFor();
  const press = (at: Page | Locator, name: string) => at.getByRole("button", { name, exact: true }).click();

  it("OR-1 has the parts that the rights of the user open", async () => {
    const bob = await open("bob", "/orgs");
    await bob.getByRole("link", { name: /organization:acme/ }).click();
    await bob.getByRole("heading", { name: "acme" }).waitFor();
    const tabs = bob.getByRole("navigation", { name: "Parts of the organization" }).getByRole("link");
    await tabs.first().waitFor();
    expect((await tabs.allTextContents()).map((text) => text.replace(/\d+$/, ""))).toEqual([
      "Tokens",
      "To approve",
      "Usage",
      "Policy",
      "History",
    ]);
    await press(bob, "New token");
    await bob.waitForURL(/\/new\?for=organization/);
    const alice = await open("alice", "/orgs/acme");
    await see(alice, /You are a member of acme/);
    expect(await alice.getByRole("navigation", { name: "Parts of the organization" }).count()).toBe(0);
    const carol = await open("carol", "/orgs/acme/policy");
    await see(carol, /There is no such organization, or you do not belong to it/);
  });

  it("leads from one organization to others and to the user's own tokens", async () => {
    const bob = await open("bob", "/orgs/acme/usage");
    await bob.getByLabel("acme: show something else").click();
    await bob.getByRole("link", { name: "My tokens" }).last().click();
    await bob.getByRole("heading", { name: "My tokens" }).waitFor();
  });

  it("lists its own tokens and those bound to it, each with its owner, also a disabled one", async () => {
    await make("robot of acme");
    await make("alice at acme", { subject: "user:alice", organization: acme });
    await make("carol alone", { subject: "user:carol" });
    const ended = await make("ended long ago");
    await page.patwarden.ask(revokeToken, { id: ended.id, reason: RevocationReason.LEAKED });
    await page.patwarden.ask(disableSubject, { subject: "user:alice" });
    try {
      const bob = await open("bob", "/orgs/acme");
      await row(bob, "robot of acme").getByText("organization:acme").waitFor();
      await row(bob, "alice at acme").getByText("user:alice").waitFor();
      await row(bob, "alice at acme").getByText("Subject disabled").waitFor();
      expect(await bob.getByText("carol alone").count()).toBe(0);
      expect(await bob.getByText("ended long ago").count()).toBe(0);
      await bob.getByText("More filters").click();
      await bob.getByLabel("Acts as").fill("alice");
      await bob.waitForURL(/owner=user%3Aalice/);
      await row(bob, "robot of acme").waitFor({ state: "detached" });
      await row(bob, "alice at acme").waitFor();
      await bob.goto(`${page.url}/orgs/acme?show=ended`);
      await row(bob, "ended long ago").getByText("as a secret leaked").waitFor();
    } finally {
      await page.patwarden.ask(enableSubject, { subject: "user:alice" });
    }
  });

  it("revokes chosen tokens, and all that match a filter, after the number was typed", async () => {
    const kept = await make("kept by bulk");
    const few = await makeAll(["few-1", "few-2"]);
    const many = await makeAll(Array.from({ length: 53 }, (_, n) => `many-${n}`));
    const bob = await open("bob", "/orgs/acme?q=few-");
    await bob.getByRole("checkbox", { name: "Choose all that are shown" }).check();
    await press(bob, "Revoke");
    const dialog = bob.getByRole("dialog");
    const confirm = dialog.getByRole("button", { name: "Revoke 2 tokens" });
    await dialog.getByLabel("Type 2 to confirm").fill("3");
    expect(await confirm.isDisabled()).toBe(true);
    await dialog.getByLabel("Type 2 to confirm").fill("2");
    await confirm.click();
    await see(dialog, "2 tokens were ended on every server.");
    await press(dialog.locator("footer"), "Close");
    await see(bob, "Nothing matches");
    await bob.goto(`${page.url}/orgs/acme?q=many-`);
    await bob.getByRole("checkbox", { name: "Choose all that are shown" }).check();
    await press(bob, "Choose all 53 that match");
    await press(bob, "Revoke");
    await dialog.getByLabel("Type 53 to confirm").fill("53");
    await press(dialog, "Revoke 53 tokens");
    await see(dialog, "53 tokens were ended on every server.");
    for (const token of [...few, ...many]) expect((await stored(token))?.state).toBe(Token_State.REVOKED);
    expect((await stored(kept))?.state).toBe(Token_State.ACTIVE);
  });

  it("OR-2 revokes nothing when the number has changed meanwhile, and asks for the new one", async () => {
    const tokens = await makeAll(Array.from({ length: 51 }, (_, n) => `counted-${n}`));
    const bob = await open("bob", "/orgs/acme?q=counted-");
    await bob.getByRole("checkbox", { name: "Choose all that are shown" }).check();
    await press(bob, "Choose all 51 that match");
    await press(bob, "Revoke");
    const late = await make("counted-late");
    const dialog = bob.getByRole("dialog");
    await dialog.getByLabel("Type 51 to confirm").fill("51");
    await press(dialog, "Revoke 51 tokens");
    await see(dialog, "Meanwhile 52 tokens match. Look at the number again.");
    for (const token of [late, ...tokens.slice(0, 3)]) expect((await stored(token))?.state).toBe(Token_State.ACTIVE);
    await dialog.getByLabel("Type 52 to confirm").fill("52");
    await press(dialog, "Revoke 52 tokens");
    await see(dialog, "52 tokens were ended on every server.");
  });

  it("exports the list that is shown as CSV and NDJSON, from all pages", async () => {
    const names = Array.from({ length: 60 }, (_, n) => `exported-${n}`);
    await makeAll([...names, "exported =1+1"]);
    const bob = await open("bob", "/orgs/acme?q=exported");
    await see(bob, "50 of 61 tokens");
    for (const [format, lines] of [
      ["CSV", 62],
      ["NDJSON", 61],
    ] as const) {
      await press(bob, "Export");
      const dialog = bob.getByRole("dialog");
      await see(dialog, "61 tokens that match the filters");
      await dialog.getByLabel(format, { exact: true }).check();
      const download = bob.waitForEvent("download");
      await press(dialog, "Export");
      const file = await download;
      expect(file.suggestedFilename()).toBe(`tokens.${format.toLowerCase()}`);
      const text = await readFile(await file.path(), "utf8");
      expect(text.trimEnd().split("\n")).toHaveLength(lines);
      for (const name of names) expect(text).toContain(name);
      await see(dialog, "61 tokens were saved.");
      await press(dialog.locator("footer"), "Close");
    }
  });

  it("stops a token with a comment, and resumes it", async () => {
    const token = await make("to suspend");
    const bob = await open("bob", "/orgs/acme?q=to+suspend");
    await press(bob, "Actions for to suspend");
    await press(bob, "Suspend");
    await bob.getByLabel("Comment").fill("too many requests");
    await press(bob.getByRole("dialog"), "Suspend");
    await row(bob, "to suspend").getByText("Suspended").waitFor();
    expect(await stored(token)).toMatchObject({
      state: Token_State.SUSPENDED,
      suspension: { by: "user:bob", comment: "too many requests" },
    });
    await press(bob, "Actions for to suspend");
    await press(bob, "Resume");
    await press(bob.getByRole("dialog"), "Resume");
    await row(bob, "to suspend").getByText("Active").waitFor();
    expect((await stored(token))?.state).toBe(Token_State.ACTIVE);
    // A service has a higher rank than bob, who is not offered to resume.
    await page.patwarden.ask(suspendToken, { id: token.id });
    await bob.reload();
    await press(bob, "Actions for to suspend");
    expect(await bob.getByRole("button", { name: "Resume" }).count()).toBe(0);
  });

  describe("with tokens that need approval", () => {
    beforeAll(() => setPolicy({ requireApproval: true }, "require_approval"));
    afterAll(() => setPolicy({}, "require_approval"));
    const card = (at: Page, name: string): Locator => at.getByRole("article", { name });

    it("shows what is new, what it reaches and why it is needed, and approves what was looked at", async () => {
      const alice = await as("alice");
      const token = await alice.make({
        organization: acme,
        name: "release notes",
        justification: "The release script needs it.",
        grant: rules(["viewer", "editor"], ["document:roadmap", "document:handbook"]),
        allowedCidrs: ["192.0.2.0/24"],
      });
      const bob = await open("bob", "/orgs/acme/pending");
      const one = card(bob, "release notes");
      await see(one, "The release script needs it.");
      await see(one, "192.0.2.0/24");
      await press(one, "Show what it reaches");
      await see(one, "roadmap");
      await press(one, "Approve release notes");
      await bob.getByLabel("Comment").fill("fine");
      await press(bob.getByRole("dialog"), "Approve");
      await see(bob, "release notes was approved.");
      await one.waitFor({ state: "detached" });
      expect(await stored(token)).toMatchObject({
        state: Token_State.ACTIVE,
        approval: { decidedBy: "user:bob", comment: "fine" },
      });
    });

    it("shows what has changed since the last approval", async () => {
      const alice = await as("alice");
      const grant = rules(["viewer"], ["document:roadmap"]);
      const token = await alice.make({ organization: acme, name: "report job", grant });
      await (await as("bob")).approve(token, "reads only");
      await alice.widen(token.id, rules(["viewer", "editor"], ["document:roadmap"]));
      const bob = await open("bob", "/orgs/acme/pending");
      const one = card(bob, "report job");
      await see(one, "Asks again");
      const cells = one.getByRole("row").filter({ hasText: "What it may do" }).getByRole("cell");
      const [before = "", now = ""] = await cells.allTextContents();
      expect(before).toBe("Documents roadmap: read");
      expect(now).toBe("Documents roadmap: read and change");
      await see(one, /Unchanged: Networks, Valid from and Ends\. Approved by user:bob: “reads only”/);
      await press(one, "Deny report job");
      await bob.getByLabel("Comment").fill("reading is enough");
      await press(bob.getByRole("dialog"), "Deny");
      await see(bob, "report job was denied.");
      expect(await stored(token)).toMatchObject({ state: Token_State.DENIED });
    });

    it("OR-3 does not approve what was changed while it was looked at", async () => {
      const alice = await as("alice");
      const token = await alice.make({
        organization: acme,
        name: "moving",
        grant: rules(["viewer"], ["document:roadmap"]),
      });
      const bob = await open("bob", "/orgs/acme/pending");
      await press(card(bob, "moving"), "Approve moving");
      await alice.widen(token.id, rules(["editor"], ["document:roadmap"]));
      await press(bob.getByRole("dialog"), "Approve");
      await see(bob, /was changed while you looked at it/);
      expect((await stored(token))?.state).toBe(Token_State.PENDING_APPROVAL);
      await press(bob, "Look again");
      await see(card(bob, "moving"), "Documents roadmap: change");
      await press(card(bob, "moving"), "Approve moving");
      await press(bob.getByRole("dialog"), "Approve");
      await see(bob, "moving was approved.");
    });

    it("OR-4 explains the third person before it would refuse", async () => {
      await (await as("bob")).make({ subject: acme, name: "made by bob", grant: { full: true } });
      const bob = await open("bob", "/orgs/acme/pending");
      await see(card(bob, "made by bob"), "You cannot approve it, as you created it. Somebody else must.");
      expect(await card(bob, "made by bob").getByRole("button", { name: "Approve made by bob" }).count()).toBe(0);
      await press(card(bob, "made by bob"), "Deny made by bob");
      await press(bob.getByRole("dialog"), "Deny");
      await see(bob, "made by bob was denied.");
    });

    it("OR-4 tells who has changed a token that this is why somebody else must approve it", async () => {
      const token = await make("widened by bob", { grant: rules(["viewer"], ["document:roadmap"]) });
      const bob = await open("bob", "/orgs/acme/pending");
      await card(bob, "widened by bob").getByRole("button", { name: "Approve widened by bob" }).waitFor();
      await (await as("bob")).widen(token?.id ?? "", rules(["viewer"], ["document:*"]));
      await bob.reload();
      await see(card(bob, "widened by bob"), "You cannot approve it, as you changed it. Somebody else must.");
    });
  });

  it("OR-5 shows what a policy would block before it is saved, and where a limit comes from", async () => {
    await page.patwarden.ask(updatePolicy, {
      policy: { scope: "organization", maxLifetime: durationFromMs(400 * day) },
      updateMask: { paths: ["max_lifetime"] },
    });
    const long = await page.patwarden.createToken({
      subject: acme,
      name: "lives for long",
      grant: { full: true },
      lifetime: { case: "ttl", value: durationFromMs(399 * day) },
    });
    const bob = await open("bob", "/orgs/acme/policy");
    await see(bob, "400 days");
    await see(bob, /from the deployment/);
    const field = bob.getByLabel("Longest lifetime", { exact: true });
    await field.fill("many");
    await see(bob, "Write a whole number, such as 90.");
    await field.fill("395");
    await see(bob, "1 change");
    await press(bob, "Review changes");
    const dialog = bob.getByRole("dialog");
    await see(dialog, "395 days");
    await see(dialog, "1 token that works now would be blocked.");
    await dialog.getByRole("link", { name: "lives for long" }).waitFor();
    await press(dialog, "Cancel");
    expect((await page.patwarden.ask(getPolicy, { scope: acme })).policy?.maxLifetime).toBeUndefined();
    await press(bob, "Review changes");
    await press(dialog, "Save and block 1 token");
    await see(bob, "Saved. 1 token is blocked.");
    await see(bob, /set here/);
    expect(await page.patwarden.check(long.secret, { resource: "document:price-list" })).toBe(Reason.POLICY);
    await field.fill("");
    await press(bob, "Review changes");
    await press(dialog, "Save");
    await see(bob, "Saved. It holds on every server.");
    await page.patwarden.ask(revokeToken, { id: long.token.id });
  });

  it("OR-6 shows both values when somebody else has changed the policy", async () => {
    await setPolicy({ maxLifetime: durationFromMs(90 * day) }, "max_lifetime");
    const bob = await open("bob", "/orgs/acme/policy");
    await bob.getByLabel("Longest lifetime", { exact: true }).fill("30");
    await setPolicy({ maxLifetime: durationFromMs(60 * day), revokeOnReuse: true }, "max_lifetime", "revoke_on_reuse");
    await press(bob, "Review changes");
    await see(bob, /Somebody has changed the policy in the meantime/);
    await see(bob, "Meanwhile it was set to: 60 days.");
    expect(await bob.getByLabel("Longest lifetime", { exact: true }).inputValue()).toBe("30");
    // A field that only the other person has changed is taken over.
    expect(await bob.getByLabel("Revoke when an old secret is used").isChecked()).toBe(true);
    await press(bob, "Take the new value of Longest lifetime");
    expect(await bob.getByLabel("Longest lifetime", { exact: true }).inputValue()).toBe("60");
    await bob.getByLabel("Longest lifetime", { exact: true }).fill("45");
    await press(bob, "Review changes");
    await press(bob.getByRole("dialog"), "Save");
    await see(bob, "Saved. It holds on every server.");
    expect((await page.patwarden.ask(getPolicy, { scope: acme })).policy).toMatchObject({
      maxLifetime: durationFromMs(45 * day),
      revokeOnReuse: true,
    });
    await setPolicy({}, "max_lifetime", "revoke_on_reuse");
  });

  describe("after a sign-in of an hour ago", () => {
    /** Signs bob in as an hour ago; the next sign-in is a new one. */
    const openLate = async (path: string): Promise<Page> => {
      const visit = await page.open("bob", "/signed-out");
      visits.push(visit);
      const claims = { sub: "bob", name: "bob" };
      page.issuer.signIns({ claims: { ...claims, auth_time: Math.floor(Date.now() / 1000) - 3600 } });
      await visit.page.goto(`${page.url}/sign-in?${new URLSearchParams({ return: path })}`);
      page.issuer.signIns({ claims });
      return visit.page;
    };

    it("OR-9 signs in again before a policy is loosened, and keeps the changes", async () => {
      await setPolicy({ requireExpiry: true }, "require_expiry");
      const bob = await openLate("/orgs/acme/policy");
      await bob.getByLabel("Tokens must end").uncheck();
      await press(bob, "Review changes");
      await press(bob.getByRole("dialog"), "Save");
      await see(bob, "You are back. Your changes are still here.");
      expect(new URL(bob.url()).pathname).toBe("/orgs/acme/policy");
      expect(await bob.getByLabel("Tokens must end").isChecked()).toBe(false);
      await press(bob, "Review changes");
      await press(bob.getByRole("dialog"), "Save");
      await see(bob, "Saved. It holds on every server.");
      expect((await page.patwarden.ask(getPolicy, { scope: acme })).policy?.requireExpiry).toBe(false);
    });

    it("signs in again before a token is approved, and keeps the comment", async () => {
      await setPolicy({ requireApproval: true }, "require_approval");
      try {
        const token = await (await as("alice")).make({ organization: acme, name: "late", grant: { full: true } });
        const bob = await openLate("/orgs/acme/pending");
        await press(bob, "Approve late");
        await bob.getByLabel("Comment").fill("kept over the sign-in");
        await press(bob.getByRole("dialog"), "Approve");
        await bob.waitForEvent("load");
        const dialog = bob.getByRole("dialog");
        await expect.poll(() => bob.getByLabel("Comment").inputValue()).toBe("kept over the sign-in");
        await press(dialog, "Approve");
        await see(bob, "late was approved.");
        expect(await stored(token)).toMatchObject({ approval: { comment: "kept over the sign-in" } });
      } finally {
        await setPolicy({}, "require_approval");
      }
    });
  });

  it("says which entry of a policy is wrong", async () => {
    const bob = await open("bob", "/orgs/acme/policy");
    await bob.getByLabel("Only these networks").fill("192.0.2.1/24");
    await press(bob, "Review changes");
    await bob.locator("#content [aria-invalid=true]").waitFor();
    expect(await bob.getByLabel("Only these networks").getAttribute("aria-invalid")).toBe("true");
    await see(bob, "192.0.2.0/24");
  });

  it("shows usage by member and by token", async () => {
    const used = await page.patwarden.createToken({ subject: acme, name: "used a lot", grant: { full: true } });
    for (let n = 0; n < 7; n += 1) await page.patwarden.check(used.secret, { resource: "document:price-list" });
    await page.patwarden.check(used.secret, { resource: "document:payroll" });
    // Counts are written every few seconds.
    const counted = async () => {
      const { rows } = await page.patwarden.ask(queryUsage, { tokenId: used.token.id });
      return rows[0]?.count;
    };
    await expect.poll(counted, { timeout: 30_000, interval: 500 }).toBe(8n);
    const bob = await open("bob", "/orgs/acme/usage?by=token");
    const numbers = row(bob, "used a lot").locator(".number");
    await numbers.first().waitFor();
    expect(await numbers.allTextContents()).toEqual(["7", "1", "7"]);
    await press(bob, "By member");
    await row(bob, acme).waitFor();
    await see(bob, "The user or organization may not do this");
    await bob.getByText("Show as a table").click();
    await row(bob, new Date().toISOString().slice(0, 10)).waitFor();
  });

  it("tells who did what, limited to an action, a person or days", async () => {
    await setPolicy({ requireExpiry: true }, "require_expiry");
    await setPolicy({}, "require_expiry");
    const bob = await open("bob", "/orgs/acme/audit");
    await bob.getByLabel("What happened").selectOption("Policies");
    await see(bob, "Policy loosened");
    expect(
      await bob
        .getByRole("listitem")
        .filter({ hasText: /^Created/ })
        .count(),
    ).toBe(0);
    await bob.getByRole("listitem").filter({ hasText: "Policy loosened" }).first().getByText("Details").click();
    await see(bob, "requireExpiry");
    await bob.getByLabel("Who did it").fill("user:nobody");
    await see(bob, "Nothing matches");
    await press(bob, "Clear filters");
    await see(bob, "Policy loosened");
    await bob.getByLabel("To", { exact: true }).fill("2020-01-01");
    await see(bob, "Nothing matches");
  });

  it("says that the server does not answer, and goes on once it does", async () => {
    const bob = await open("bob", "/orgs/acme/audit");
    await bob.getByLabel("What happened").waitFor();
    await bob.context().setOffline(true);
    await bob.getByLabel("What happened").selectOption("Tokens created");
    await see(bob, /No answer came/);
    await bob.context().setOffline(false);
    await press(bob, "Try again");
    await bob
      .getByRole("listitem")
      .filter({ hasText: /^Created/ })
      .first()
      .waitFor();
  });

  it.each([
    ["en-GB", "light", 1280],
    ["de-AT", "dark", 375],
  ] as const)("is accessible and fits (%s, %s, %d px)", async (locale, colorScheme, width) => {
    const visit = await page.open("bob", "/orgs", { locale, colorScheme, viewport: { width, height: 800 } });
    visits.push(visit);
    for (const path of [
      "/orgs",
      "/orgs/acme",
      ...["pending", "usage", "policy", "audit"].map((p) => `/orgs/acme/${p}`),
    ]) {
      await visit.page.goto(page.url + path);
      await visit.page.waitForLoadState("networkidle");
      expect([path, await visit.inaccessible()]).toEqual([path, []]);
      expect([path, await overflows(visit.page)]).toEqual([path, false]);
    }
  });
});
