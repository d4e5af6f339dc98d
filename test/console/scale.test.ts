import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Reason } from "#gen/patwarden/v1/reason_pb.js";
import { TokenService } from "#gen/patwarden/v1/token_pb.js";
import { noBrowser, type Page, type Visit } from "../kit/browser.js";
import { havePostgres } from "../kit/postgres.js";
import { type ConsolePage, startConsolePage } from "./console-page.js";

/*
 * The page of an organization that has ten thousand tokens.
 */

const missing = noBrowser ?? (havePostgres() ? undefined : "no PostgreSQL");
let site: ConsolePage;
let visit: Visit;
let page: Page;
beforeAll(async () => {
  if (missing !== undefined) return;
  site = await startConsolePage();
  await site.patwarden.createToken({ subject: "organization:acme", name: "job 00000", grant: {} });
  const sql = postgres(site.patwarden.databaseUrl, { max: 1, onnotice: () => undefined });
  // Copies of the one token, each with a secret that nobody knows, a second older than the one before.
  await sql`
    with made as (
      insert into token
      select (jsonb_populate_record(t, jsonb_build_object(
        'id', overlay(gen_random_uuid()::text placing '7' from 15),
        'name', 'job ' || lpad(i::text, 5, '0'),
        'created_at', t.created_at - i * interval '1 second'
      ))).*
      from token t, generate_series(1, 9999) i where t.name = 'job 00000'
      returning id
    )
    insert into token_secret
    select (jsonb_populate_record(s, jsonb_build_object(
      'id', gen_random_uuid(), 'token_id', made.id, 'digest', '\\x' || md5(made.id::text) || md5('x' || made.id)
    ))).*
    from made, token_secret s join token t on t.id = s.token_id where t.name = 'job 00000'`;
  await sql`analyze`;
  await sql.end();
  visit = await site.open("bob", "/orgs/acme");
  page = visit.page;
});
afterAll(async () => {
  await visit?.close();
  await site?.stop();
});

const shown = (text: string) => page.getByText(text).first().waitFor();
const press = (name: string | RegExp) => page.getByRole("button", { name }).first().click();
/** Chooses all that match the filters, and revokes them. */
async function revokeAllMatching(count: string): Promise<void> {
  await page.getByRole("checkbox", { name: "Choose all that are shown" }).check();
  await press(`Choose all ${count} that match`);
  await shown(`All ${count} that match are chosen`);
  await page.getByRole("button", { name: "Revoke", exact: true }).first().click();
  const dialog = page.getByRole("dialog", { name: `Revoke ${count} tokens` });
  const confirm = dialog.getByRole("button", { name: `Revoke ${count} tokens` });
  await dialog.getByLabel(`Type ${count} to confirm`).fill("50");
  expect(await confirm.isDisabled()).toBe(true);
  await dialog.getByLabel(`Type ${count} to confirm`).fill(count);
  await confirm.click();
  await dialog.getByText(`${count} tokens were ended on every server.`).waitFor({ timeout: 60_000 });
  await dialog.getByRole("button", { name: "Close" }).last().click();
}

describe.skipIf(missing !== undefined)(`ten thousand tokens${missing ? `: SKIPPED, ${missing}` : ""}`, () => {
  it("PG-33 come a page at a time, with their number, and are found by name", async () => {
    await shown("50 of 10,000 tokens");
    await page.getByRole("button", { name: "10,000 Current" }).waitFor();
    expect(await page.getByRole("row").count()).toBe(51);
    await press("Show more");
    await shown("100 of 10,000 tokens");
    const names = await page.getByRole("rowheader").getByRole("link").allTextContents();
    // They were all made at once, so that their order is that of random ids.
    expect(names.every((name) => /^job \d{5}$/.test(name))).toBe(true);
    expect(new Set(names).size).toBe(100);
    await page.getByRole("searchbox", { name: "Search" }).fill("job 07777");
    await shown("1 of 1 token");
    await page.getByRole("link", { name: "job 07777" }).waitFor();
  });

  it("PG-34 are revoked by their filter, all and only those", async () => {
    await page.getByRole("searchbox", { name: "Search" }).fill("job 07");
    await shown("50 of 1,000 tokens");
    await revokeAllMatching("1,000");
    await shown("Nothing matches");
    const filter = { organization: "organization:acme" };
    const summary = await site.patwarden.ask(TokenService.method.getTokenSummary, { filter });
    expect(summary).toMatchObject({ total: 10_000, active: 9_000, revoked: 1_000 });
    const { tokens } = await site.patwarden.ask(TokenService.method.listTokens, { ...filter, query: "job 06999" });
    expect(tokens).toMatchObject([{ usable: Reason.ALLOWED }]);

    await press("Show current tokens");
    await shown("50 of 9,000 tokens");
    await revokeAllMatching("9,000");
    expect(await site.patwarden.ask(TokenService.method.getTokenSummary, { filter })).toMatchObject({
      revoked: 10_000,
    });
    expect(visit.problems).toEqual([]);
  });
});
