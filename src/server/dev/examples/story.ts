import type { ManagingCaller, ServiceCaller, UserCaller } from "../../../callers/caller.js";
import type { Clock } from "../../../domain/clock.js";
import { etagOf } from "../../../domain/etag.js";
import type { ActionName, ResourceName, SubjectName } from "../../../domain/identifier.js";
import type { Grant } from "../../../domain/token.js";
import type { TokenSnapshot } from "../../../domain/token-store.js";
import { approveToken } from "../../../manage/approve-token.js";
import { type CreateTokenCommand, type CreateTokenOptions, createToken } from "../../../manage/create-token.js";
import { type PoliciesOptions, updatePolicy } from "../../../manage/policies.js";
import { revokeToken } from "../../../manage/revoke-token.js";
import { type RotateTokenOptions, rotateToken } from "../../../manage/rotate-token.js";
import { suspendToken } from "../../../manage/suspend-token.js";
import type { Habit } from "./history.js";

type UseCases = Omit<CreateTokenOptions & RotateTokenOptions & PoliciesOptions, "clock">;

const dayMs = 86_400_000;

const user = (id: string, admin = false): UserCaller => ({
  ...{ kind: "user", subject: `user:${id}` as SubjectName, admin },
});
const [alice, bob, root] = [user("alice"), user("bob"), user("root", true)];
/** A backend of acme. */
const shop: ServiceCaller = { kind: "service", name: "shop", permissions: new Set(["tokens.impersonate"]) };
const acme = "organization:acme" as SubjectName;
const viewer = "viewer" as ActionName;
const editor = "editor" as ActionName;

/**
 * Makes, in the order of time, the tokens and policies of alice, bob and acme over the last months. Each step is a
 * use-case of the API at its time, so that states, approvals and audit trail agree. Returns how the tokens were used.
 *
 * @param now the end of the story.
 */
export async function tellStory(useCases: UseCases, now: Date): Promise<readonly Habit[]> {
  const at = (daysAgo: number) => ({ ...useCases, clock: clockAt(new Date(now.getTime() - daysAgo * dayMs)) });
  const make = async (daysAgo: number, by: ManagingCaller, wish: Wish): Promise<TokenSnapshot> =>
    (await createToken(at(daysAgo), by, commandOf(wish))).snapshot;
  const approve = ({ token }: TokenSnapshot, daysAgo: number, comment: string): Promise<TokenSnapshot> =>
    approveToken(at(daysAgo), bob, token.id, { etag: etagOf(token), comment });

  const priceList = await make(82, bob, {
    ...{ subject: acme, name: "Price list sync", description: "Copies prices into the shop every few minutes." },
    ...{ grant: may([viewer], "price-list", "catalogue"), days: 120 },
  });
  await make(78, alice, {
    ...{ name: "First try", description: "", grant: { kind: "full" }, days: "never" },
  });
  await updatePolicy(at(64), root, {
    scope: { kind: "deployment", scope: "user" },
    ...{ update: { maxLifetimeMs: 180 * dayMs, requireExpiry: true }, etag: "", validateOnly: false },
  });
  const laptop = await make(60, alice, {
    ...{ name: "Laptop", description: "Command line on my laptop.", grant: may([viewer, editor], "*"), days: 90 },
  });
  const backup = await make(45, alice, {
    ...{ name: "Nightly backup", description: "Runs at two o'clock on the server below my desk." },
    ...{ grant: may([viewer], "*"), days: 48, networks: ["198.51.100.0/24"] },
  });
  const ci = await make(40, alice, {
    ...{ name: "CI", description: "Publishes the release notes.", days: 90 },
    grant: may([viewer], "release-notes", "style-guide"),
  });
  const workshop = await make(36, alice, {
    ...{ name: "Workshop", description: "", grant: may([viewer], "handbook"), days: 30 },
  });
  const extension = await make(34, alice, {
    ...{ name: "Browser extension", description: "", grant: { kind: "full" }, days: 90 },
  });
  await updatePolicy(at(30), bob, {
    scope: { kind: "organization", scope: acme },
    update: { requireApproval: true, forbidFull: true, requireExpiry: true, maxLifetimeMs: 180 * dayMs },
    ...{ etag: "", validateOnly: false },
  });
  const partner = await make(28, shop, {
    ...{ subject: acme, name: "Partner feed", description: "Reads what partners may show.", days: 120 },
    ...{ grant: may([viewer], "catalogue", "press-kit"), networks: ["203.0.113.0/24"] },
  });
  await approve(partner, 27, "Agreed with the partner.");
  const report = await make(21, alice, {
    ...{ organization: acme, name: "Weekly report", description: "Reads what changed in a week, for acme." },
    ...{ grant: may([viewer], "*"), days: 60 },
  });
  await approve(report, 20, "");
  const notebook = await make(12, alice, {
    ...{ name: "Notebook", description: "", grant: may([viewer], "*"), days: 90 },
  });
  await revokeToken(at(9), alice, extension.token.id, "LEAKED");
  const terminal = await make(6, bob, {
    ...{ name: "Terminal", description: "", grant: { kind: "full" }, days: 30 },
  });
  await suspendToken(at(2), alice, notebook.token.id, "Left on the train; I am looking for it.");
  await rotateToken(at(1), alice, ci.token.id, {
    ...{ graceMs: 4 * dayMs, lifetime: { kind: "default" }, etag: "", request: undefined },
  });
  await make(0.2, alice, {
    ...{ organization: acme, name: "Dashboard", description: "Shows the meeting notes on the screen in the hall." },
    justification: "The hall has a new screen, and people ask for the minutes.",
    ...{ grant: may([viewer], "meeting-notes", "holidays"), days: 90 },
  });
  await make(0.1, shop, {
    ...{ subject: acme, name: "Newsletter tool", description: "Takes pictures from the press kit.", days: 90 },
    justification: "The newsletter goes out on Friday.",
    grant: may([viewer], "press-kit", "terms"),
  });

  return [
    { token: priceList.token, action: viewer, when: "always", perHour: 36 },
    { token: laptop.token, action: viewer, when: "office", perHour: 9 },
    { token: backup.token, action: viewer, when: "nightly", perHour: 140 },
    {
      ...{ token: ci.token, action: viewer, when: "always", perHour: 6 },
      refused: { reason: "NOT_GRANTED", action: editor, lastDays: 6 },
    },
    { token: workshop.token, action: viewer, when: "office", perHour: 4, until: daysBefore(now, 6) },
    { token: extension.token, action: viewer, when: "office", perHour: 7, until: daysBefore(now, 9) },
    { token: partner.token, action: viewer, when: "always", perHour: 22 },
    { token: report.token, action: viewer, when: "office", perHour: 2 },
    {
      ...{ token: notebook.token, action: viewer, when: "always", perHour: 3, until: daysBefore(now, 2) },
      refused: { reason: "TOKEN_SUSPENDED", action: viewer, lastDays: 2 },
    },
    { token: terminal.token, action: editor, when: "office", perHour: 3 },
  ];
}

interface Wish {
  /** Default: the caller. */
  readonly subject?: SubjectName;
  readonly organization?: SubjectName;
  readonly name: string;
  readonly description: string;
  /** Default: none. */
  readonly justification?: string;
  readonly grant: Grant;
  readonly days: number | "never";
  /** Default: any. */
  readonly networks?: readonly string[];
}

function commandOf({ subject, organization, days, networks = [], ...wish }: Wish): CreateTokenCommand {
  const { name, description, justification = "", grant } = wish;
  return {
    subject: subject && { name: subject, kind: "organization" },
    ...{ organization, name, description, justification, grant },
    lifetime: days === "never" ? { kind: "never" } : { kind: "ttl", seconds: BigInt(days * 86_400), nanos: 0 },
    ...{ notBefore: undefined, allowedCidrs: networks, metadata: {}, claims: {}, selfRotate: false },
    ...{ validateOnly: false, request: undefined },
  };
}

/** Returns a grant of these actions on documents; `*` stands for all. */
function may(actions: readonly ActionName[], ...documents: readonly string[]): Grant {
  return { kind: "rules", rules: [{ actions, resources: documents.map((id) => `document:${id}` as ResourceName) }] };
}

function clockAt(time: Date): Clock {
  return { now: () => time };
}

function daysBefore(now: Date, days: number): Date {
  return new Date(now.getTime() - days * dayMs);
}
