import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create, type DescMessage, type MessageInitShape, toJson } from "@bufbuild/protobuf";
import pixelmatch from "pixelmatch";
import { PNG } from "pngjs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Reason } from "#gen/patwarden/v1/reason_pb.js";
import {
  CatalogAction_Risk,
  GetCallerResponseSchema,
  GetCatalogResponseSchema,
  GetCreationLimitsResponseSchema,
  ListOrganizationsResponseSchema,
  ListReachableResponseSchema,
  Organization_Right,
} from "#gen/patwarden/v1/self_pb.js";
import {
  CreateTokenResponseSchema,
  GetTokenResponseSchema,
  GetTokenSummaryResponseSchema,
  ListTokensResponseSchema,
  Operation,
  Token_State,
  type TokenSchema,
} from "#gen/patwarden/v1/token_pb.js";
import { QueryUsageResponseSchema } from "#gen/patwarden/v1/usage_pb.js";
import { noBrowser, type Page } from "../kit/browser.js";
import { type ConsolePage, startConsolePage } from "./console-page.js";
import { submit } from "./steps.js";

/*
 * Pictures of the page with fixed answers, at a fixed time. `PATWARDEN_NEW_PICTURES=1` makes them again: look at each.
 */

const haveInter = (): boolean => {
  try {
    return execFileSync("fc-list", ["Inter"], { encoding: "utf8" }) !== "";
  } catch {
    return false;
  }
};
const missing = noBrowser ?? (haveInter() ? undefined : "no font Inter (Debian: apt-get install fonts-inter)");

const now = Date.UTC(2031, 2, 5, 10, 0, 0);
const at = (days: number) => ({ seconds: BigInt(now / 1000 + days * 86_400) });
const owns = [Operation.UPDATE, Operation.ROTATE, Operation.REVOKE, Operation.SUSPEND];
const reads = { rules: [{ actions: ["viewer"], resources: ["document:roadmap", "document:handbook"] }] };
const secretOf = (hint: string) => [
  { id: `sec_${hint}`, hint: `pw_pat_...${hint}`, createTime: at(-40), current: true },
];
const usual = {
  subject: "user:alice",
  createdBy: "user:alice",
  state: Token_State.ACTIVE,
  usable: Reason.ALLOWED,
  createTime: at(-40),
  permitted: owns,
  grant: reads,
};
const deploy = {
  ...usual,
  id: "tok_01jyd0ey0000000000000000aa",
  name: "Deploy to production",
  description: "GitHub Actions, repository shop",
  secrets: secretOf("q7Zk"),
  expireTime: at(3),
  lastUseTime: at(-0.1),
  lastUseIp: "192.0.2.17",
  allowedCidrs: ["192.0.2.0/24"],
  organization: "organization:acme",
};
const tokens: readonly MessageInitShape<typeof TokenSchema>[] = [
  deploy,
  {
    ...usual,
    id: "tok_01jyd0ey0000000000000000ab",
    name: "Laptop",
    secrets: secretOf("m4Tr"),
    neverExpires: true,
    grant: { full: true },
  },
  {
    ...usual,
    id: "tok_01jyd0ey0000000000000000ac",
    name: "Nightly reports for the management, in three languages",
    secrets: secretOf("x0Pw"),
    state: Token_State.PENDING_APPROVAL,
    usable: Reason.TOKEN_PENDING_APPROVAL,
    expireTime: at(60),
    justification: "Sends the numbers of the day before at six.",
    organization: "organization:acme",
  },
  {
    ...usual,
    id: "tok_01jyd0ey0000000000000000ad",
    name: "Old importer",
    secrets: secretOf("b2Lc"),
    usable: Reason.POLICY,
    blockedBy: ["max_lifetime"],
    expireTime: at(900),
    lastUseTime: at(-120),
    lastUseIp: "2001:db8::7",
  },
];
const [, , pending] = tokens;
const rows = Array.from({ length: 30 }, (_, day) => ({
  tokenId: deploy.id,
  reason: Reason.ALLOWED,
  startTime: { seconds: BigInt(Date.UTC(2031, 1, 4 + day) / 1000) },
  count: BigInt(20 + ((day * 37) % 60)),
})).flatMap((row, day) => (day % 9 === 4 ? [row, { ...row, reason: Reason.NOT_GRANTED, count: 12n }] : [row]));

const json = <D extends DescMessage>(schema: D, init: MessageInitShape<D>): string =>
  JSON.stringify(toJson(schema, create(schema, init)));

/** The answer of each method. */
const answers = (german: boolean): Readonly<Record<string, string>> => ({
  GetCaller: json(GetCallerResponseSchema, { caller: "user:alice", displayName: "Alice Liddell" }),
  ListTokens: json(ListTokensResponseSchema, { tokens: [...tokens] }),
  GetTokenSummary: json(GetTokenSummaryResponseSchema, {
    total: 4,
    active: 3,
    pendingApproval: 1,
    expiring: 1,
    unused: 1,
    neverExpires: 1,
    blocked: 1,
    full: 1,
  }),
  GetToken: json(GetTokenResponseSchema, { token: deploy }),
  CreateToken: json(CreateTokenResponseSchema, { token: deploy, secret: "pw_pat_0123456789abcdefghijklmnopq7Zk" }),
  QueryUsage: json(QueryUsageResponseSchema, { rows }),
  ListOrganizations: json(ListOrganizationsResponseSchema, {
    organizations: [
      {
        organization: "organization:acme",
        member: true,
        rights: [Organization_Right.READ, Organization_Right.APPROVE],
      },
    ],
  }),
  ListReachable: json(ListReachableResponseSchema, { resources: ["document:handbook", "document:roadmap"] }),
  GetCreationLimits: json(GetCreationLimitsResponseSchema, {
    limits: { maxLifetime: { seconds: 180n * 86_400n }, requireExpiry: true },
    mayCreate: true,
  }),
  GetCatalog: json(GetCatalogResponseSchema, {
    types: [
      {
        type: "document",
        label: german ? "Dokumente" : "Documents",
        actions: [
          { action: "viewer", label: german ? "lesen" : "read", risk: CatalogAction_Risk.LOW },
          { action: "editor", label: german ? "ändern" : "change", risk: CatalogAction_Risk.MEDIUM },
        ],
      },
    ],
    templates: [
      {
        id: "read",
        label: german ? "Dokumente lesen" : "Read documents",
        description: german ? "Für Suche und Berichte." : "For search and reports.",
        grant: { rules: [{ actions: ["viewer"], resources: ["document:*"] }] },
      },
    ],
  }),
});
const pendingAnswers = { ListTokens: json(ListTokensResponseSchema, { tokens: pending ? [pending] : [] }) };

interface Picture {
  readonly path: string;
  readonly width: number;
  readonly scheme: "light" | "dark";
  readonly language: "en" | "de";
  readonly over?: Readonly<Record<string, string>>;
  readonly reach?: (page: Page) => Promise<unknown>;
  readonly there: (page: Page) => { waitFor(): Promise<void> };
}

const link = "/new?v=1&name=Reports&rule=viewer@document:roadmap,document:handbook&organization=organization:acme";
const heading = (name: string) => (page: Page) => page.getByRole("heading", { name, exact: true });
const pictures: Readonly<Record<string, Picture>> = {
  list: { path: "/", width: 1280, scheme: "light", language: "en", there: (page) => page.getByText("Old importer") },
  "list-phone": {
    path: "/",
    width: 375,
    scheme: "dark",
    language: "de",
    there: (page) => page.getByText("Old importer"),
  },
  new: { path: link, width: 1280, scheme: "dark", language: "de", there: heading("Neues Token") },
  "new-phone": { path: link, width: 375, scheme: "light", language: "en", there: heading("New token") },
  secret: {
    path: link,
    width: 1280,
    scheme: "light",
    language: "en",
    reach: submit,
    there: heading("Secret of Deploy to production"),
  },
  "token-phone": {
    path: `/tokens/${deploy.id}`,
    width: 375,
    scheme: "dark",
    language: "en",
    there: heading("Deploy to production"),
  },
  approvals: {
    path: "/orgs/acme/pending",
    width: 1280,
    scheme: "light",
    language: "de",
    over: pendingAnswers,
    there: (page) => page.getByText("Nightly reports").first(),
  },
};

describe.skipIf(missing)(`pictures of the page${missing ? `: SKIPPED, ${missing}` : ""}`, () => {
  let site: ConsolePage;
  beforeAll(async () => {
    site = await startConsolePage();
  });
  afterAll(() => site?.stop());

  it.each(Object.entries(pictures))("PG-36 %s", async (name, { path, width, scheme, language, over, reach, there }) => {
    const visit = await site.browser.visit({
      viewport: { width, height: 900 },
      colorScheme: scheme,
      locale: language === "de" ? "de-AT" : "en-GB",
      timezoneId: "Europe/Vienna",
      reducedMotion: "reduce",
    });
    const { page } = visit;
    await page.clock.setFixedTime(new Date(now));
    const answered: Readonly<Record<string, string>> = { ...answers(language === "de"), ...over };
    await page.route(/\/patwarden\.v1\.\w+\/(\w+)$/, (route) => {
      const body = answered[route.request().url().split("/").at(-1) ?? ""];
      return body === undefined ? route.abort() : route.fulfill({ contentType: "application/json", body });
    });
    await page.goto(`${site.url}${path}`);
    await reach?.(page);
    await there(page).waitFor();
    await expect.poll(() => page.locator(".spinner").count()).toBe(0);
    const taken = await page.screenshot({ animations: "disabled", caret: "hide" });
    await visit.close();

    mkdirSync(new URL("pictures", import.meta.url), { recursive: true });
    const file = new URL(`pictures/${name}.png`, import.meta.url);
    if (process.env["PATWARDEN_NEW_PICTURES"] === "1") writeFileSync(file, taken);
    const [seen, wanted] = [PNG.sync.read(taken), PNG.sync.read(readFileSync(file))];
    expect([seen.width, seen.height]).toEqual([wanted.width, wanted.height]);
    const difference = new PNG({ width: seen.width, height: seen.height });
    const differing = pixelmatch(seen.data, wanted.data, difference.data, seen.width, seen.height, { threshold: 0.2 });
    const share = differing / (seen.width * seen.height);
    if (share > 0.005) {
      const folder = mkdtempSync(join(tmpdir(), "patwarden-pictures-"));
      writeFileSync(join(folder, "seen.png"), taken);
      writeFileSync(join(folder, "difference.png"), PNG.sync.write(difference));
      expect.fail(`${(share * 100).toFixed(2)} % of ${name} differs: see ${folder}`);
    }
  });
});
