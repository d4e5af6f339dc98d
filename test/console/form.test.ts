import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { TokenService } from "#gen/patwarden/v1/token_pb.js";
import { noBrowser, type Page, type Visit } from "../kit/browser.js";
import { type ConsolePage, startConsolePage } from "./console-page.js";
import { fillIn, offered, readSecret, submit } from "./steps.js";

/*
 * The form of a new token: days in the user's time zone, and links that fill it in.
 */

let site: ConsolePage;
let visit: Visit | undefined;
beforeAll(async () => {
  if (!noBrowser) site = await startConsolePage();
});
afterAll(() => site?.stop());
afterEach(async () => {
  expect(visit?.problems).toEqual([]);
  await visit?.close();
  visit = undefined;
});

/** Returns what clocks in the zone show, `2026-03-29 23:59:59`. */
const shown = (time: Date, timeZone: string): string =>
  new Intl.DateTimeFormat("sv-SE", { timeZone, dateStyle: "short", timeStyle: "medium" }).format(time);

async function open(path: string, options?: Parameters<ConsolePage["open"]>[2]): Promise<Page> {
  visit = await site.open("alice", "/signed-out", options);
  await visit.page.goto(`${site.url}${path}`);
  await visit.page.getByRole("heading", { level: 1 }).waitFor();
  return visit.page;
}

/** Returns the end in the next request to make a token. */
async function sentEnd(page: Page): Promise<Date> {
  const asked = page.waitForRequest((request) => request.url().endsWith("/CreateToken"));
  await submit(page);
  const { expireTime } = (await asked).postDataJSON();
  return new Date(expireTime);
}

describe.skipIf(noBrowser)(`the last day of a token${noBrowser ? `: SKIPPED, ${noBrowser}` : ""}`, () => {
  it.each(["Pacific/Auckland", "America/Los_Angeles", "Asia/Kolkata"])(
    "PG-31 ends with the day in %s, and is shown with its zone and in UTC",
    async (timezoneId) => {
      const page = await open("/new", { timezoneId });
      const name = `ends in ${timezoneId}`;
      await fillIn(page, name);
      await page.getByRole("radio", { name: "On a day" }).check();
      const day = shown(new Date(Date.now() + 40 * 86_400_000), timezoneId).slice(0, 10);
      await page.getByLabel("Last day").fill(day);
      const end = await sentEnd(page);
      expect(shown(end, timezoneId)).toBe(`${day} 23:59:59`);
      await offered(page, name);
      await readSecret(page);
      const { tokens } = await site.patwarden.ask(TokenService.method.listTokens, { query: name });
      expect(Number(tokens[0]?.expireTime?.seconds) * 1000).toBe(end.getTime());
      await page.getByRole("checkbox", { name: "I have stored the secret" }).check();
      await page.getByRole("button", { name: "Done" }).click();
      const utc = `${end.toISOString().slice(0, 16).replace("T", " ")} UTC`;
      await page.getByText(utc).first().waitFor();
      const local = (await page.locator("time", { hasText: utc }).first().textContent()) ?? "";
      expect(local).toContain("23:59");
      expect(local.replace(utc, "")).toMatch(/GMT|[A-Z]{3,4}/);
    },
  );

  it.each([
    // Clocks go forward: the day has 23 hours.
    ["America/Los_Angeles", "2031-03-09", "2031-03-10T06:59:59Z"],
    // Clocks go back: 25 hours.
    ["America/Los_Angeles", "2031-11-02", "2031-11-03T07:59:59Z"],
    ["Pacific/Auckland", "2031-04-06", "2031-04-06T11:59:59Z"],
    ["Europe/Vienna", "2031-03-30", "2031-03-30T21:59:59Z"],
    ["Asia/Kolkata", "2031-03-30", "2031-03-30T18:29:59Z"],
  ])("PG-31 ends in %s on %s at %s, also where clocks change", async (timezoneId, day, end) => {
    visit = await site.open("alice", "/signed-out", { timezoneId });
    const { page } = visit;
    await page.clock.setFixedTime(new Date("2031-03-01T12:00:00Z"));
    await page.goto(`${site.url}/new`);
    await fillIn(page, "clocks change");
    await page.getByRole("radio", { name: "On a day" }).check();
    await page.getByLabel("Last day").fill(day);
    expect((await sentEnd(page)).toISOString()).toBe(end.replace("Z", ".000Z"));
  });

  it("PG-31 counts a lifetime in days of the calendar, also over a change of clocks", async () => {
    visit = await site.open("alice", "/signed-out", { timezoneId: "America/Los_Angeles" });
    const { page } = visit;
    await page.clock.setFixedTime(new Date("2031-03-05T20:00:00Z"));
    await page.goto(`${site.url}/new`);
    await fillIn(page, "seven days");
    await page.getByRole("radio", { name: "7 days" }).check();
    expect((await sentEnd(page)).toISOString()).toBe("2031-03-13T06:59:59.000Z");
  });
});

describe.skipIf(noBrowser)("the form of a new token", () => {
  it("PG-39 takes the resource that is found, and what is typed to the letter before it", async () => {
    const page = await open("/new");
    await page.getByRole("button", { name: "Add Documents" }).click();
    await page.getByRole("checkbox", { name: /^read/ }).check();
    const search = page.getByRole("combobox", { name: /^Search/ });
    // Enter comes before the answer.
    await search.pressSequentially("hand");
    await search.press("Enter");
    await page.getByRole("button", { name: "Remove handbook" }).waitFor();
    await search.fill("no-such-document");
    await search.press("Enter");
    await page.getByRole("button", { name: "Remove no-such-document" }).waitFor();
    await page.getByText("You cannot do this today").waitFor();
    // The press of a button is not lost when the field is left.
    await search.fill("roadmap");
    await submit(page);
    await page.getByRole("button", { name: "Remove roadmap" }).waitFor();
    await page.getByText("Give it a name.").waitFor();
  });

  it("PG-40 says that a day is missing, and sends nothing", async () => {
    const page = await open("/new");
    const calls = site.address.count("/CreateToken");
    await fillIn(page, "without a day");
    await page.getByRole("radio", { name: "On a day" }).check();
    await submit(page);
    await page.getByText("Choose a day, or another end.").waitFor();
    expect(await page.getByLabel("Last day").evaluate((field) => field === document.activeElement)).toBe(true);
    expect(site.address.count("/CreateToken")).toBe(calls);
  });
});

describe.skipIf(noBrowser)("the question why a token does not work", () => {
  it("PG-41 says which entry is wrong, and keeps no earlier answer beside it", async () => {
    const { token } = await site.patwarden.createToken({ subject: "user:alice", name: "explained" });
    const page = await open(`/tokens/${token.id}?view=explain`);
    await page.getByText("Is the token usable?").waitFor();
    await page.getByLabel("Resource", { exact: true }).fill("roadmap");
    await page.getByLabel("Action", { exact: true }).fill("viewer");
    await page.getByRole("button", { name: "Explain" }).click();
    await page.getByText(/^resource: must be such as document:roadmap/i).waitFor();
    expect(await page.getByText("Is the token usable?").count()).toBe(0);
    // The typed action stays, also where a list of the actions of the type takes the place of its field.
    await page.getByLabel("Resource", { exact: true }).fill("document:roadmap");
    expect(await page.getByLabel("Action", { exact: true }).inputValue()).toBe("viewer");
  });
});

describe.skipIf(noBrowser)("a link that fills in the form", () => {
  it("PG-32 fills in what it names, says so, and sends nothing", async () => {
    const calls = site.address.count("/CreateToken");
    const link = new URLSearchParams({
      v: "1",
      name: "CI of shop",
      description: "Builds",
      expires: "30d",
      organization: "organization:acme",
      network: "192.0.2.0/24",
    });
    link.append("rule", "viewer@document:roadmap,document:handbook");
    link.append("rule", "editor@document:*");
    link.append("network", "2001:db8::/32");
    // Through a sign-in, as for somebody who clicks it in a mail.
    visit = await site.browser.visit({ origins: [site.url, new URL(site.issuer.url).origin] });
    const { page } = visit;
    site.issuer.signIns({});
    await page.goto(`${site.url}/new?${link}`);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByText("Filled in by a link.").waitFor();
    expect(await page.getByText("Parts of the link were not used").count()).toBe(0);
    expect(await page.getByLabel("Name", { exact: true }).inputValue()).toBe("CI of shop");
    expect(await page.getByLabel("Description").inputValue()).toBe("Builds");
    expect(await page.getByLabel("Networks").inputValue()).toBe("192.0.2.0/24\n2001:db8::/32");
    expect(await page.getByRole("radio", { name: "You, at acme" }).isChecked()).toBe(true);
    expect(await page.getByRole("radio", { name: "30 days" }).isChecked()).toBe(true);
    const review = page.getByRole("complementary");
    await review.getByText("Documents roadmap and handbook: read").waitFor();
    await review.getByText("Documents (all): change").waitFor();
    expect(site.address.count("/CreateToken")).toBe(calls);
  });

  it.each([
    ["everything", "v=1&rule=*@*&full=true", ["a link cannot ask for everything"]],
    ["another version", "v=2&name=x", ["the link has no known version"]],
    ["a name twice", "v=1&name=a&name=b", ["name: given more than once"]],
    ["a long name", `v=1&name=${"x".repeat(101)}`, ["name: too long"]],
    ["unknown parts", "v=1&colour=red&expires=soon", ["colour: not known", "expires: not valid"]],
    ["an override of the direction of text", "v=1&name=%E2%80%AEtxt", ["name: not valid"]],
    ["somebody else's organization", "v=1&organization=user:bob", ["organization: not valid"]],
    [
      "HTML as a parameter",
      "v=1&%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E=1",
      ["<img src=x onerror=alert(1)>: not known"],
    ],
  ])("PG-32 asks for %s in vain: the form stays as it was", async (_, query, said) => {
    const page = await open(`/new?${query}`);
    for (const text of said) await page.getByText(text).first().waitFor();
    expect(await page.getByLabel("Name", { exact: true }).inputValue()).toBe("");
    expect(await page.getByRole("radio", { name: /^Everything/ }).isChecked()).toBe(false);
    await page.getByRole("complementary").getByText("Nothing is chosen yet.").waitFor();
  });
});
