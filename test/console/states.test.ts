import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { PolicyService } from "#gen/patwarden/v1/policy_pb.js";
import { TokenService } from "#gen/patwarden/v1/token_pb.js";
import { noBrowser, overflows, type Page, type Visit } from "../kit/browser.js";
import { type ConsolePage, type Person, startConsolePage } from "./console-page.js";
import { fillIn, makeToken } from "./steps.js";

/*
 * Every state of the page: without a mistake that axe-core finds, light and dark, without scrolling sideways at 320
 * pixels and at a zoom of 200 %, and without a report of the Content-Security-Policy.
 */

let site: ConsolePage;
const visits = new Map<Person, Visit>();
const ids: Record<string, string> = {};
const day = 86_400;
const inDays = (days: number) => ({ seconds: BigInt(Math.floor(Date.now() / 1000) + days * day) });
const reading = { rules: [{ actions: ["viewer"], resources: ["document:roadmap", "document:handbook"] }] };
const { createToken, revokeToken, suspendToken, updateToken } = TokenService.method;

beforeAll(async () => {
  if (noBrowser) return;
  site = await startConsolePage();
  const { patwarden } = site;
  const requests: Readonly<Record<string, Parameters<typeof patwarden.createToken>[0]>> = {
    "a token with a name that is much longer than the others and has no end, as people write them": { grant: reading },
    deploy: { grant: reading, lifetime: { case: "expireTime", value: inDays(3) }, allowedCidrs: ["192.0.2.0/24"] },
    ended: { grant: reading },
    stopped: { grant: {} },
    forever: { grant: { full: true }, lifetime: { case: "neverExpires", value: true } },
    "for acme": { grant: reading, organization: "organization:acme", metadata: { team: "blue" } },
  };
  for (const [name, request] of Object.entries(requests)) {
    ids[name] = (await patwarden.createToken({ ...request, name })).token.id;
  }
  await patwarden.ask(revokeToken, { id: ids["ended"] ?? "" });
  await patwarden.ask(suspendToken, { id: ids["stopped"] ?? "", comment: "Is it needed?" });
  const acme = { subject: "organization:acme", grant: reading };
  await patwarden.createToken({ ...acme, name: "pipeline" });
  await patwarden.ask(PolicyService.method.updatePolicy, {
    policy: { scope: "organization:acme", requireApproval: true, maxLifetime: { seconds: BigInt(400 * day) } },
    updateMask: { paths: ["require_approval", "max_lifetime"] },
  });
  const asked = { ...acme, name: "nightly build", justification: "Builds at night." };
  ids["asked"] = (await patwarden.createToken(asked)).token.id;
  const again = await patwarden.createToken({ name: "asks again", grant: reading, organization: "organization:acme" });
  const { id, etag } = again.token;
  await patwarden.ask(TokenService.method.approveToken, { id, etag }, { key: await site.issuer.sign({ sub: "bob" }) });
  const widened = { rules: [...reading.rules, { actions: ["editor"], resources: ["document:*"] }] };
  await patwarden.ask(updateToken, {
    token: { id, grant: widened },
    updateMask: { paths: ["grant"] },
  });
  await patwarden.check((await patwarden.createToken({ name: "used", grant: reading })).secret);
  await patwarden.ask(createToken, { subject: "user:bob", name: "of bob", grant: reading });
  for (const person of ["alice", "bob", "carol", "root"] as const) visits.set(person, await site.open(person));
});
afterAll(async () => {
  for (const visit of visits.values()) await visit.close();
  await site?.stop();
});

interface State {
  readonly who: Person;
  readonly path: string | (() => string);
  /** Leads from the opened path to the state. */
  readonly reach?: (page: Page) => Promise<unknown>;
  /** Waits for the state. */
  readonly there: (page: Page) => { waitFor(): Promise<void> };
  /** Whether a change of the window ends the state, so that it must be reached again. */
  readonly again?: true;
}
const heading = (name: string | RegExp) => (page: Page) => page.getByRole("heading", { name }).first();
const text = (name: string | RegExp) => (page: Page) => page.getByText(name).first();
const dialog = (name: string | RegExp) => (page: Page) => page.getByRole("dialog", { name });
const press = (name: string | RegExp) => (page: Page) => page.getByRole("button", { name }).first().click();
const token =
  (name: string, query = "") =>
  () =>
    `/tokens/${ids[name]}${query}`;

const states: Readonly<Record<string, State>> = {
  "my tokens": { who: "alice", path: "/", there: (page) => page.getByRole("link", { name: "deploy" }) },
  "my tokens, none yet": { who: "carol", path: "/", there: heading("No token yet") },
  "my tokens, nothing matches": { who: "alice", path: "/?q=zzz", there: heading("Nothing matches") },
  "my tokens, all": { who: "alice", path: "/?show=all", there: (page) => page.getByRole("link", { name: "ended" }) },
  "my tokens, chosen": {
    who: "alice",
    path: "/",
    reach: (page) => page.getByRole("checkbox", { name: "Choose deploy" }).check(),
    there: text("1 chosen"),
  },
  "my tokens, a menu": {
    who: "alice",
    path: "/",
    reach: press("Actions for deploy"),
    again: true,
    there: (page) => page.locator(".menu-item:focus"),
  },
  "my tokens, revoke several": {
    who: "alice",
    path: "/",
    reach: async (page) => {
      await page.getByRole("checkbox", { name: "Choose all that are shown" }).check();
      await page.getByRole("button", { name: "Revoke", exact: true }).first().click();
    },
    there: dialog(/^Revoke \d+ tokens/),
  },
  "my tokens, export": { who: "alice", path: "/", reach: press("Export"), there: dialog(/Export/) },
  "my tokens without an answer": {
    who: "alice",
    path: "/signed-out",
    reach: async (page) => {
      site.address.disturb("/ListTokens", { status: 503, body: "{}" });
      await page.goto(`${site.url}/`);
    },
    there: (page) => page.getByRole("alert"),
  },
  "a new token": { who: "alice", path: "/new", there: text("You, at acme") },
  "a new token with mistakes": {
    who: "alice",
    path: "/new",
    reach: async (page) => {
      await page.getByRole("button", { name: "Add Documents" }).click();
      await page.getByText("More settings").click();
      await page.getByLabel("Networks").fill("here");
      await page.getByRole("button", { name: "Create token" }).click();
    },
    there: text("is no address range"),
  },
  "a new token, searching a resource": {
    who: "alice",
    path: "/new",
    reach: async (page) => {
      await page.getByRole("button", { name: "Add Documents" }).click();
      await page.getByRole("combobox", { name: /^Search/ }).fill("road");
    },
    there: (page) => page.getByRole("option").first(),
  },
  "a new token that may do everything": {
    who: "alice",
    path: "/new",
    reach: (page) => page.getByRole("radio", { name: /^Everything/ }).check(),
    there: text("A leak of this token"),
  },
  "a new token of a link": {
    who: "alice",
    path: "/new?v=1&name=by%20a%20link&rule=viewer,unheard@document:roadmap&color=red&expires=2000-01-01",
    there: text("color: not known"),
  },
  "a new token that needs approval": {
    who: "alice",
    path: "/new?v=1&organization=organization:acme",
    there: text("An administrator must approve"),
  },
  "a secret": { who: "alice", path: "/new", reach: (page) => makeToken(page, "secret one"), there: heading(/^Secret/) },
  "a secret, shown, and a question": {
    who: "alice",
    path: "/new",
    reach: async (page) => {
      await makeToken(page, "secret two");
      await page.getByRole("button", { name: "Show secret" }).click();
      await page.getByRole("link", { name: "My tokens" }).first().click();
    },
    there: dialog("Leave without the secret?"),
  },
  "a secret whose answer was lost": {
    who: "alice",
    path: "/new",
    reach: async (page) => {
      await fillIn(page, "lost one");
      site.address.disturb("/CreateToken", "broken", "broken", "broken", "broken");
      await page.getByRole("button", { name: "Create token" }).click();
    },
    there: (page) => page.getByRole("button", { name: "Ask again" }),
  },
  "a token": { who: "alice", path: token("deploy"), there: text("192.0.2.0/24") },
  "a token of an organization": { who: "alice", path: token("for acme"), there: text("organization:acme") },
  "a token that was revoked": { who: "alice", path: token("ended"), there: text(/^Revoked/) },
  "a token that is suspended": { who: "alice", path: token("stopped"), there: text("Is it needed?") },
  "a token's reach": { who: "alice", path: token("deploy", "?view=reach"), there: text("What the token reaches") },
  "a token's usage": { who: "alice", path: token("deploy", "?view=usage"), there: text(/30 days/) },
  "a token's history": { who: "alice", path: token("deploy", "?view=history"), there: text("Created") },
  "why a token does not work": {
    who: "alice",
    path: token("deploy", "?view=explain"),
    reach: async (page) => {
      await page.getByLabel("Resource").fill("document:payroll");
      await page.getByLabel("Action").selectOption("viewer");
      await page.getByRole("button", { name: "Explain" }).click();
    },
    there: text("The server would refuse it"),
  },
  "a new secret": { who: "alice", path: token("deploy", "?do=rotate"), there: text("How long does the old secret") },
  "a change": {
    who: "alice",
    path: token("deploy", "?do=edit"),
    reach: (page) => page.getByLabel("Name", { exact: true }).fill("deployed"),
    there: text("What changes"),
  },
  "a revocation": { who: "alice", path: token("deploy"), reach: press(/^Revoke$/), there: dialog("Revoke deploy") },
  "a suspension": { who: "alice", path: token("deploy"), reach: press(/^Suspend$/), there: dialog(/^Suspend/) },
  "a token that does not exist": { who: "alice", path: "/tokens/tok_none", there: heading("There is no such page") },
  "an address that does not exist": { who: "alice", path: "/orgs/a/b/c", there: heading("There is no such page") },
  "signed out": { who: "alice", path: "/signed-out", there: heading("You are signed out") },
  "the organizations": { who: "bob", path: "/orgs", there: (page) => page.getByRole("link", { name: /acme/ }) },
  "an organization for a member": { who: "alice", path: "/orgs/acme", there: text("You are a member of acme") },
  "an organization": { who: "bob", path: "/orgs/acme", there: (page) => page.getByRole("link", { name: "pipeline" }) },
  "an organization's approvals": { who: "bob", path: "/orgs/acme/pending", there: text("nightly build") },
  "an approval": {
    who: "bob",
    path: "/orgs/acme/pending",
    reach: press("Approve asks again"),
    there: dialog("Approve asks again"),
  },
  "an organization's policy": { who: "bob", path: "/orgs/acme/policy", there: text("How long tokens live") },
  "a changed policy": {
    who: "bob",
    path: "/orgs/acme/policy",
    reach: async (page) => {
      await page.getByRole("checkbox", { name: "Block all tokens" }).check();
      await page.getByRole("button", { name: "Review changes" }).click();
    },
    there: dialog("Change the policy"),
  },
  "an organization's usage": { who: "bob", path: "/orgs/acme/usage", there: text(/30 days/) },
  "an organization's history": { who: "bob", path: "/orgs/acme/audit", there: text("Policy changed") },
  "the deployment, for a user": { who: "alice", path: "/operator", there: text("Only administrators") },
  "the deployment": { who: "root", path: "/operator", there: text("A secret was found") },
  "the deployment's subjects": { who: "root", path: "/operator/subjects", there: text("user:bob") },
  "a subject to disable": {
    who: "root",
    path: "/operator/subjects",
    reach: async (page) => {
      await page.getByRole("button", { name: "Actions for user:bob" }).click();
      await page.getByRole("button", { name: "Disable" }).click();
    },
    there: dialog("Disable user:bob"),
  },
  "the deployment's policies": { who: "root", path: "/operator/policies", there: text("How long tokens live") },
  "the deployment's history": { who: "root", path: "/operator/audit", there: text("Policy changed") },
  "the emergency": {
    who: "root",
    path: "/operator/emergency",
    reach: press("Count tokens"),
    there: text(/tokens would end/),
  },
};

/** Waits until everything that was asked for has come. */
const settled = (page: Page) => expect.poll(() => page.locator(".spinner").count(), { timeout: 15_000 }).toBe(0);

/** Returns the parts of the page that are wider than the window; none when the page does not scroll sideways. */
async function wider(page: Page): Promise<readonly string[]> {
  const [wide, boxes] = await Promise.all([
    overflows(page),
    page.evaluate(() => {
      const out = (box: Element) => box.getBoundingClientRect().right > document.documentElement.clientWidth + 1;
      const scrolls = (box: Element | null): boolean =>
        box !== null && (getComputedStyle(box).overflowX !== "visible" || scrolls(box.parentElement));
      const nameOf = (box: Element) => `${box.tagName}.${box.getAttribute("class") ?? ""}`;
      const all = [...document.querySelectorAll("body *")]
        .filter((box) => out(box) && !scrolls(box.parentElement))
        .map(nameOf);
      const shut = [...document.querySelectorAll("dialog[open], .menu:popover-open")]
        .filter((box) => box.scrollWidth > box.clientWidth || out(box))
        .map(nameOf);
      return { all, shut };
    }),
  ]);
  return [...(wide ? boxes.all.slice(0, 8) : []), ...boxes.shut];
}

describe.skipIf(noBrowser)(`every state of the page${noBrowser ? `: SKIPPED, ${noBrowser}` : ""}`, () => {
  it.each(Object.entries(states))("PG-23 %s", async (_, { who, path, reach, again, there }) => {
    const visit = visits.get(who);
    if (!visit) throw new Error("everybody is signed in");
    const { page, problems } = visit;
    page.removeAllListeners("dialog");
    page.on("dialog", (asked) => void asked.accept());
    const before = problems.length;
    await page.setViewportSize({ width: 1280, height: 900 });
    await page.emulateMedia({ colorScheme: "light" });
    await page.goto(`${site.url}${typeof path === "string" ? path : path()}`);
    await reach?.(page);
    await there(page).waitFor();
    await settled(page);
    const found: Record<string, unknown> = { light: await visit.inaccessible() };
    await page.emulateMedia({ colorScheme: "dark" });
    found["dark"] = await visit.inaccessible("html", ["color-contrast"]);
    for (const width of [640, 320]) {
      await page.setViewportSize({ width, height: 700 });
      if (again) {
        await page.keyboard.press("Escape");
        await reach?.(page);
        await there(page).waitFor();
      }
      found[`wider than ${width}`] = await wider(page);
    }
    found["problems"] = problems.slice(before);
    expect(found).toEqual({ light: [], dark: [], "wider than 640": [], "wider than 320": [], problems: [] });
  });
});
