import { describe, expect, it } from "vitest";
import { resolvedToken, secretRecord, type TestContext, testTime, tokenRecord } from "../../test/kit/token.js";
import { Failure } from "../domain/errors.js";
import type { ActionName, ResourceName, SubjectName } from "../domain/identifier.js";
import type { Consistency, OpenFgaAnswer, PermissionChecker, Question } from "../domain/permission-checker.js";
import { noPolicy } from "../domain/policy.js";
import { unmentionedSubject } from "../domain/subject-state.js";
import type { TokenRecord } from "../domain/token.js";
import { Authorizer, type Verdict } from "./decision.js";
import type { CheckQuestion } from "./question.js";
import type { Resolution, TokenResolver } from "./token-resolver.js";

const now = testTime;

function known(subject: string, facts: Partial<TokenRecord> = {}, context: Partial<TestContext> = {}): Resolution {
  return { kind: "known", token: resolvedToken({ subject: subject as SubjectName, ...facts }, context) };
}

/** Creates an authorizer with tokens by their text. Its OpenFGA answers by subject and records the questions. */
function setUp(
  tokens: Readonly<Record<string, Resolution>>,
  permissions: Readonly<Record<string, OpenFgaAnswer>>,
  stored: Partial<TokenRecord> | undefined = {},
) {
  const asked: {
    readonly questions: readonly Question[];
    readonly consistency: Consistency;
    readonly deadline: unknown;
  }[] = [];
  const resolvedTexts: string[] = [];
  const checker: PermissionChecker = {
    async check(questions, consistency, { deadline } = {}) {
      asked.push({ questions, consistency, deadline });
      return questions.map(
        ({ subject, action, resource }) =>
          permissions[`${subject} ${action} ${resource}`] ?? permissions[subject] ?? false,
      );
    },
  };
  const resolver: Pick<TokenResolver, "resolve"> = {
    resolve(text) {
      resolvedTexts.push(text);
      const resolution = tokens[text] ?? { kind: "unknown" };
      // Some tokens are found at once, and some after a read.
      return text.length % 2 === 0 ? resolution : Promise.resolve(resolution);
    },
  };
  const authorizer = new Authorizer({
    tokens: resolver,
    snapshots: {
      async get(id) {
        const found = Object.values(tokens).find((each) => each.kind === "known" && each.token.id === id);
        if (found?.kind !== "known" || !stored) return undefined;
        const secrets = [secretRecord({ id: found.token.secretId })];
        const subjects = { subject: unmentionedSubject, organization: undefined };
        const token = { ...tokenRecord({ id, ...stored }), secrets };
        return { token, lastUses: new Map(), subjects, policy: noPolicy, policies: [] };
      },
    },
    permissions: checker,
    clock: { now: () => now },
    memberRelation: "member" as ActionName,
  });
  return { authorizer, asked, resolvedTexts };
}

function question(token: string, over: Partial<CheckQuestion> = {}): CheckQuestion {
  return {
    token,
    resource: "document:1" as ResourceName,
    action: "viewer" as ActionName,
    clientAddress: undefined,
    consistency: "minimize-latency",
    usageUnits: undefined,
    usageId: "",
    ...over,
  };
}

const outcome = (verdict: Verdict | undefined): string | undefined => verdict?.reason;

describe("Authorizer", () => {
  it("allows only on a received yes", async () => {
    const { authorizer } = setUp({ a: known("user:yes"), b: known("user:no") }, { "user:yes": true });
    expect(await authorizer.check(question("a"), {})).toMatchObject({ reason: "ALLOWED" });
    expect(await authorizer.check(question("b"), {})).toMatchObject({ reason: "NOT_PERMITTED" });
  });

  it("answers at once, without a promise, when nothing must be asked", () => {
    const { authorizer } = setUp({}, {});
    expect(authorizer.check(question("of even length"), {})).toEqual({ reason: "TOKEN_UNKNOWN" });
  });

  it("turns a failure of OpenFGA or of the store into a failure, never into an answer", async () => {
    const down = new Failure("OPENFGA_UNAVAILABLE");
    const stored = new Failure("DATABASE_UNAVAILABLE");
    const { authorizer } = setUp({ a: known("user:a"), b: { kind: "failed", failure: stored } }, { "user:a": down });
    expect(await authorizer.check(question("a"), {})).toBe(down);
    expect(await authorizer.check(question("b"), {})).toBe(stored);
  });

  it("does not ask OpenFGA about a token that is refused by its own rules", async () => {
    const past = new Date(now.getTime() - 1);
    const { authorizer, asked } = setUp(
      {
        malformed: { kind: "malformed" },
        revoked: known("user:a", { revocation: { time: past, by: "user:a", reason: "LEAKED" } }),
        expired: known("user:a", { expireTime: now }),
        early: known("user:a", { notBefore: new Date(now.getTime() + 1) }),
        elsewhere: known("user:a", { allowedCidrs: ["192.0.2.0/24"] }),
        ungranted: known("user:a", { grant: { kind: "rules", rules: [] } }),
      },
      { "user:a": true },
    );
    const texts = ["malformed", "missing", "revoked", "expired", "early", "elsewhere", "ungranted"];
    const verdicts = await authorizer.batchCheck(
      texts.map((text) => question(text)),
      {},
    );
    expect(verdicts.map(outcome)).toEqual([
      "TOKEN_MALFORMED",
      "TOKEN_UNKNOWN",
      "TOKEN_REVOKED",
      "TOKEN_EXPIRED",
      "TOKEN_NOT_YET_VALID",
      "NETWORK_NOT_ALLOWED",
      "NOT_GRANTED",
    ]);
    expect(asked).toEqual([]);
  });

  it("keeps the order of a batch, resolves each text once and never joins different consistency", async () => {
    const failure = new Failure("DEADLINE_EXCEEDED");
    const { authorizer, asked, resolvedTexts } = setUp(
      { a: known("user:a"), b: known("user:b"), c: known("user:c") },
      { "user:a": true, "user:b": failure, "user:c": false },
    );
    const verdicts = await authorizer.batchCheck(
      [
        question("c"),
        question("a", { consistency: "higher" }),
        question("b"),
        question("missing"),
        question("a"),
        question("a", { consistency: "higher" }),
      ],
      { deadline: 5 },
    );
    expect(verdicts.map(outcome)).toEqual([
      "NOT_PERMITTED",
      "ALLOWED",
      "DEADLINE_EXCEEDED",
      "TOKEN_UNKNOWN",
      "ALLOWED",
      "ALLOWED",
    ]);
    expect(resolvedTexts).toEqual(["c", "a", "b", "missing"]);
    expect(
      asked.map(({ questions, consistency, deadline }) => [consistency, deadline, questions.map((q) => q.subject)]),
    ).toEqual([
      ["minimize-latency", 5, ["user:c", "user:b", "user:a"]],
      ["higher", 5, ["user:a", "user:a"]],
    ]);
  });

  it("asks for membership and permission in one batch; a no to the membership is always NOT_A_MEMBER", async () => {
    const organization = "organization:acme" as SubjectName;
    const bound = { organization };
    const down = new Failure("OPENFGA_UNAVAILABLE");
    const { authorizer, asked } = setUp(
      {
        member: known("user:m", bound),
        former: known("user:f", bound),
        unsure: known("user:u", bound),
        none: known("user:n", bound),
      },
      {
        "user:m": true,
        "user:f member organization:acme": false,
        "user:f viewer document:1": down,
        "user:u member organization:acme": down,
        "user:u viewer document:1": true,
        "user:n member organization:acme": true,
      },
    );
    const verdicts = await authorizer.batchCheck(
      ["member", "former", "unsure", "none"].map((token) => question(token)),
      {},
    );
    expect(verdicts.map(outcome)).toEqual(["ALLOWED", "NOT_A_MEMBER", "OPENFGA_UNAVAILABLE", "NOT_PERMITTED"]);
    expect(asked.map(({ questions }) => questions.length)).toEqual([8]);
  });

  it("refuses by the states of subjects and by the policy as it is now, without asking OpenFGA", async () => {
    const subject = { state: "DISABLED", generation: 1 } as const;
    const policy = { ...noPolicy, forbidFull: true };
    const { authorizer, asked } = setUp(
      {
        disabled: known("user:a", {}, { subjects: { subject, organization: undefined } }),
        organization: known("user:a", {}, { subjects: { subject: unmentionedSubject, organization: subject } }),
        earlierLife: known(
          "user:a",
          {},
          { subjects: { subject: { state: "ACTIVE", generation: 2 }, organization: undefined } },
        ),
        suspended: known("user:a", { suspension: { by: "user:a", time: now, comment: "", rank: "holder" } }),
        pending: known("user:a", { approval: { state: "pending" } }),
        denied: known("user:a", { approval: { state: "denied", by: "user:b", time: now, comment: "" } }),
        superseded: known("user:a", {}, { secret: secretRecord({ retireTime: now }) }),
        full: known("user:a", {}, { policy }),
        action: known("user:a", {}, { policy: { ...noPolicy, allowedActions: ["editor" as ActionName] } }),
        network: known("user:a", {}, { policy: { ...noPolicy, allowedCidrs: ["192.0.2.0/24"] } }),
      },
      { "user:a": true },
    );
    const expected = {
      disabled: "SUBJECT_DISABLED",
      organization: "SUBJECT_DISABLED",
      earlierLife: "TOKEN_REVOKED",
      suspended: "TOKEN_SUSPENDED",
      pending: "TOKEN_PENDING_APPROVAL",
      denied: "TOKEN_REVOKED",
      superseded: "TOKEN_SUPERSEDED",
      full: "POLICY",
      action: "POLICY",
      network: "NETWORK_NOT_ALLOWED",
    };
    const verdicts = await authorizer.batchCheck(
      Object.keys(expected).map((token) => question(token)),
      {},
    );
    expect(verdicts.map(outcome)).toEqual(Object.values(expected));
    expect(asked).toEqual([]);
  });

  it("introspects without asking OpenFGA and without looking at the grant", async () => {
    const { authorizer, asked } = setUp({ a: known("user:a", { grant: { kind: "rules", rules: [] } }) }, {});
    expect(await authorizer.introspect("a", undefined)).toMatchObject({ reason: "ALLOWED", snapshot: {} });
    expect(await authorizer.introspect("missing", undefined)).toEqual({ reason: "TOKEN_UNKNOWN" });
    expect(asked).toEqual([]);
  });

  it("introspects the token as it is stored now, so that the shown token and the answer agree", async () => {
    const revocation = { time: now, by: "user:a", reason: "LEAKED" as const };
    const { authorizer } = setUp({ a: known("user:a") }, {}, { revocation });
    expect(await authorizer.introspect("a", undefined)).toEqual({ reason: "TOKEN_REVOKED" });
    const elsewhere = setUp({ a: known("user:a") }, {}, { allowedCidrs: ["192.0.2.0/24"] });
    expect(await elsewhere.authorizer.introspect("a", undefined)).toEqual({ reason: "NETWORK_NOT_ALLOWED" });
  });
});
