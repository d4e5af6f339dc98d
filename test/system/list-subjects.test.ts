import { randomUUID } from "node:crypto";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Subject_State, SubjectService } from "#gen/patwarden/v1/subject_pb.js";
import { TokenService } from "#gen/patwarden/v1/token_pb.js";
import { grid, type Patwarden, startOnEngines } from "../kit/patwarden.js";

const { deleteSubject, disableSubject, enableSubject, getSubject, listSubjects } = SubjectService.method;

let engines: Awaited<ReturnType<typeof startOnEngines>>;
beforeAll(async () => {
  engines = await startOnEngines();
});
afterAll(() => engines.stop());

describe.each(grid)("ListSubjects over $port on $engine", ({ port, engine }) => {
  let patwarden: Patwarden;
  const id = `${randomUUID()}-${port}`;
  const organization = `organization:${id}`;
  const named = (name: string) => `user:${id}-${name}`;

  beforeAll(async () => {
    patwarden = engines[engine].over(port);
    const member = named("b");
    await patwarden.openfga.admin.writeTuples(patwarden.openfga.storeId, [
      { user: member, relation: "member", object: organization },
    ]);
    for (const subject of [named("a"), named("a"), member, named("c"), named("C|x~")]) {
      await patwarden.createToken({ subject, name: "n" });
    }
    const { token } = await patwarden.createToken({ subject: member, organization, name: "n" });
    expect(token.organization).toBe(organization);
    const dead = await patwarden.createToken({ subject: named("c"), name: "n" });
    await patwarden.ask(TokenService.method.revokeToken, { id: dead.token.id });
    await patwarden.ask(disableSubject, { subject: named("a") });
    await patwarden.ask(deleteSubject, { subject: named("c") });
    await patwarden.ask(disableSubject, { subject: named("never had one") }).catch(() => undefined);
    await patwarden.ask(deleteSubject, { subject: named("tokenless") });
    await patwarden.ask(enableSubject, { subject: named("again") });
    await patwarden.ask(deleteSubject, { subject: named("again") });
    await patwarden.ask(enableSubject, { subject: named("again") });
  });

  async function listed(request: MessageInitShape<typeof listSubjects.input>, pageSize = 0) {
    const found: (readonly [string, Subject_State, number])[] = [];
    for (let pageToken = ""; ; ) {
      const page = await patwarden.ask(listSubjects, { ...request, pageSize, pageToken });
      found.push(...page.subjects.map((each) => [each.subject, each.state, each.liveTokens] as const));
      for (const each of page.subjects) {
        const { subject } = await patwarden.ask(getSubject, { subject: each.subject });
        expect(each, each.subject).toEqual(subject);
      }
      pageToken = page.nextPageToken;
      if (pageToken === "") return found;
    }
  }

  it("lists by name those with a prefix, with their states and live tokens, once on whatever pages", async () => {
    const { ACTIVE, DISABLED, DELETED } = Subject_State;
    const all = [
      [named("C|x~"), ACTIVE, 1],
      [named("a"), DISABLED, 2],
      [named("again"), ACTIVE, 0],
      [named("b"), ACTIVE, 2],
      [named("c"), DELETED, 0],
      [named("tokenless"), DELETED, 0],
    ];
    const prefix = `user:${id}`;
    for (const size of [0, 1, 3, 6]) expect(await listed({ prefix }, size)).toEqual(all);
    expect(await listed({ prefix: named("a") })).toEqual(all.slice(1, 3));
    expect(await listed({ prefix: named("C|x~") })).toEqual(all.slice(0, 1));
    expect(await listed({ prefix: named("A") })).toEqual([]);
    expect(await listed({ prefix, states: [DELETED, DISABLED] }, 1)).toEqual([all[1], all[4], all[5]]);
    expect(await listed({ prefix: organization })).toEqual([[organization, ACTIVE, 1]]);
    expect((await listed({}, 5)).length).toBeGreaterThan(6);
  });

  it("refuses what is no prefix, and page tokens of other lists", async () => {
    for (const prefix of ["user:é", "user:%\u0000", "a".repeat(257), " ", "user:*", "user:#", patwarden.alice.secret]) {
      expect(await patwarden.refused(listSubjects, { prefix }), prefix).toMatchObject({ fields: ["prefix"] });
    }
    const wrong: readonly (readonly [MessageInitShape<typeof listSubjects.input>, string])[] = [
      [{ states: [0] }, "states[0]"],
      [{ states: [9 as Subject_State] }, "states[0]"],
      [{ pageSize: -1 }, "page_size"],
      [{ pageSize: 1001 }, "page_size"],
      [{ pageToken: "x" }, "page_token"],
    ];
    for (const [request, field] of wrong) {
      expect(await patwarden.refused(listSubjects, request), field).toMatchObject({ fields: [field] });
    }
    const { nextPageToken: pageToken } = await patwarden.ask(listSubjects, { prefix: `user:${id}`, pageSize: 1 });
    expect(await patwarden.refused(listSubjects, { prefix: "user:", pageToken })).toMatchObject({
      reason: "PAGE_TOKEN_INVALID",
    });
  });
});
