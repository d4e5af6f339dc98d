import { afterEach, describe, expect, it } from "vitest";
import { type Decision, PatwardenError } from "../src/index.js";
import { control, environment, openClient, tokenOf } from "./kit/environment.js";
import { failureOf } from "./kit/failure.js";

const alice = tokenOf("alice").secret;

describe.each([
  { how: "coalescing", coalesce: true },
  { how: "not coalescing", coalesce: false },
])("without a decision there is an error, $how:", ({ coalesce }) => {
  const ask = (client: ReturnType<typeof openClient>, timeoutMs?: number): Promise<Decision> =>
    client.check(alice, "document:roadmap", "viewer", { timeoutMs });

  /** Waits for an answer. Clients share grpc-js's connections; those of an earlier test may wait to try again. */
  const untilWell = async (client: ReturnType<typeof openClient>): Promise<void> => {
    await expect.poll(() => ask(client).catch(() => undefined), { timeout: 20_000 }).toMatchObject({ allowed: true });
  };

  afterEach(async () => {
    await control("/server/heal");
    await control("/openfga/heal");
  });

  it("nobody listens", async () => {
    const client = openClient({ endpoint: environment.absent, coalesce });
    expect(await failureOf(ask(client))).toMatchObject({ code: "UNAVAILABLE", reason: undefined });
    expect(await failureOf(client.introspect(alice))).toMatchObject({ code: "UNAVAILABLE" });
    expect(await failureOf(client.listResources(alice, "document", "viewer"))).toMatchObject({ code: "UNAVAILABLE" });
  });

  it("somebody listens and says nothing", async () => {
    const client = openClient({ endpoint: environment.silent, coalesce });
    const start = Date.now();
    expect(await failureOf(ask(client))).toMatchObject({ code: "DEADLINE_EXCEEDED" });
    expect(Date.now() - start).toBeGreaterThanOrEqual(990);
    expect(await failureOf(client.introspect(alice, { timeoutMs: 100 }))).toMatchObject({ code: "DEADLINE_EXCEEDED" });
    const list = client.listResources(alice, "document", "viewer", { timeoutMs: 100 });
    expect(await failureOf(list)).toMatchObject({ code: "DEADLINE_EXCEEDED" });
  });

  it("the server goes silent while it is connected, and is well again", async () => {
    const client = openClient({ endpoint: environment.proxied, coalesce });
    await untilWell(client);
    await control("/server/stall");
    expect(await failureOf(ask(client, 300))).toMatchObject({ code: "DEADLINE_EXCEEDED" });
    await control("/server/heal");
    await untilWell(client);
  });

  it("the connection is cut, and is there again", async () => {
    const client = openClient({ endpoint: environment.proxied, coalesce });
    await untilWell(client);
    await control("/server/cut");
    expect(await failureOf(ask(client, 20_000))).toMatchObject({ code: "UNAVAILABLE" });
    await control("/server/heal");
    await untilWell(client);
  });

  it("the server redirects, and nobody follows", async () => {
    const client = openClient({ endpoint: environment.redirecting, coalesce });
    const failure = await failureOf(ask(client, 20_000));
    expect(failure.reason).toBeUndefined();
    const followed = await fetch(`${environment.control}/redirecting/followed`);
    expect(await followed.text()).toBe("0");
  });

  it("OpenFGA cannot be reached", async () => {
    const client = openClient({ coalesce });
    await control("/openfga/cut");
    const failures = [failureOf(ask(client, 20_000)), failureOf(ask(client, 20_000))];
    for (const failure of failures) {
      expect(await failure).toMatchObject({ code: "UNAVAILABLE", reason: "OPENFGA_UNAVAILABLE" });
    }
    expect(await client.check(tokenOf("revoked").secret, "document:roadmap", "viewer")).toMatchObject({
      reason: "TOKEN_REVOKED",
    });
    await control("/openfga/heal");
    expect(await ask(client, 20_000)).toMatchObject({ allowed: true });
  });

  it("OpenFGA is silent", async () => {
    const client = openClient({ coalesce });
    await control("/openfga/stall");
    const failures = [failureOf(ask(client, 20_000)), failureOf(ask(client, 20_000))];
    for (const failure of failures) {
      expect(await failure).toMatchObject({ code: "DEADLINE_EXCEEDED", reason: "DEADLINE_EXCEEDED" });
    }
  });

  it("a request is larger than the server takes", async () => {
    const client = openClient({ coalesce });
    const request = { token: alice, resource: `document:${"x".repeat(300 * 1024)}`, action: "viewer" };
    const failures = [
      failureOf(client.check(request.token, request.resource, request.action)),
      failureOf(client.authorization.check(request)),
    ];
    for (const failure of failures) {
      expect(await failure).toMatchObject({ code: "RESOURCE_EXHAUSTED", reason: undefined });
    }
  });

  it("the server is killed under load: every answer is right, every error can be retried, and all is well again", async () => {
    const client = openClient({ coalesce });
    const questions = [
      { token: alice, resource: "document:roadmap", reason: "ALLOWED" },
      { token: alice, resource: "document:payroll", reason: "NOT_PERMITTED" },
      { token: tokenOf("revoked").secret, resource: "document:roadmap", reason: "TOKEN_REVOKED" },
      { token: tokenOf("acme").secret, resource: "document:price-list", reason: "ALLOWED" },
    ];
    const errors = new Map<string, number>();
    const wrong: unknown[] = [];
    let answers = 0;
    let done = false;
    const load = async (worker: number): Promise<void> => {
      for (let count = worker; !done; count++) {
        const question = questions[count % questions.length];
        if (!question) continue;
        try {
          const decision = await client.check(question.token, question.resource, "viewer");
          answers++;
          if (decision.reason !== question.reason) wrong.push([question.resource, decision]);
        } catch (error) {
          if (!(error instanceof PatwardenError)) throw error;
          errors.set(error.code, (errors.get(error.code) ?? 0) + 1);
          await new Promise((resolve) => setTimeout(resolve, 10));
        }
      }
    };
    const workers = Promise.all(Array.from({ length: 32 }, (_, worker) => load(worker)));
    await expect.poll(() => answers, { timeout: 20_000 }).toBeGreaterThan(200);
    await control("/restart");
    const before = answers;
    await expect.poll(() => answers, { timeout: 20_000 }).toBeGreaterThan(before + 200);
    done = true;
    await workers;
    expect(wrong).toEqual([]);
    expect(errors.size).toBeGreaterThan(0);
    expect([...errors.keys()].filter((code) => code !== "UNAVAILABLE" && code !== "DEADLINE_EXCEEDED")).toEqual([]);
  });
});
