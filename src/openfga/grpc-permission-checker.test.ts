import { create, fromBinary, type MessageInitShape, type MessageShape } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import {
  BatchCheckRequestSchema,
  BatchCheckResponseSchema,
  CheckRequestSchema,
  CheckResponseSchema,
} from "#gen/openfga/v1/openfga_service_pb.js";
import { Failure } from "../domain/errors.js";
import type { ActionName, ResourceName, SubjectName } from "../domain/identifier.js";
import type { OpenFgaAnswer } from "../domain/permission-checker.js";
import type { Reply } from "./channel.js";
import type { OpenFgaClient } from "./client.js";
import type { QuestionInContext } from "./condition-context.js";
import { createGrpcPermissionChecker } from "./grpc-permission-checker.js";
import type { Outcome } from "./outcome.js";

type CheckReply = Reply<MessageShape<typeof CheckResponseSchema>>;
type BatchReply = Reply<MessageShape<typeof BatchCheckResponseSchema>>;
type CheckAsked = MessageShape<typeof CheckRequestSchema>;
type BatchAsked = MessageShape<typeof BatchCheckRequestSchema>;

const storeId = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
const modelId = "01ARZ3NDEKTSV4RRFFQ69G5FAW";

const question = (id: number): QuestionInContext => ({
  subject: "user:a" as SubjectName,
  action: "owner" as ActionName,
  resource: `document:${id}` as ResourceName,
});
const yes: CheckReply = { ok: true, value: create(CheckResponseSchema, { allowed: true }) };
const refused = (code: number): Extract<CheckReply, { ok: false }> => ({
  ok: false,
  code,
  details: "",
  deadlinePassed: false,
  cancelled: false,
});
const batch = (result: MessageInitShape<typeof BatchCheckResponseSchema>["result"]): BatchReply => ({
  ok: true,
  value: create(BatchCheckResponseSchema, { ...(result && { result }) }),
});
const allowed = (value: boolean) => ({ checkResult: { case: "allowed" as const, value } });
const failed = (value: number, message = "") => ({
  checkResult: { case: "error" as const, value: { code: { case: "inputError" as const, value }, message } },
});

/** Stands in for answers that a real OpenFGA cannot be made to give. */
function setUp(answers: {
  readonly check?: (asked: CheckAsked, call: number) => CheckReply;
  readonly batch?: (asked: BatchAsked, call: number) => BatchReply;
  readonly timeoutMs?: number;
}) {
  const { timeoutMs = 1_000 } = answers;
  const checks: CheckAsked[] = [];
  const batches: BatchAsked[] = [];
  const outcomes: Outcome[] = [];
  const requests: string[] = [];
  const client: Pick<OpenFgaClient, "exchange" | "timeoutMs"> = {
    timeoutMs,
    exchange: async (method, request) => {
      requests.push(request.toString("hex"));
      if (method.name === "Check") {
        const asked = fromBinary(CheckRequestSchema, request);
        checks.push(asked);
        return (answers.check?.(asked, checks.length) ?? refused(14)) as never;
      }
      const asked = fromBinary(BatchCheckRequestSchema, request);
      batches.push(asked);
      return (answers.batch?.(asked, batches.length) ?? refused(14)) as never;
    },
  };
  const checker = createGrpcPermissionChecker({
    client,
    storeId,
    modelId,
    onOutcome: (_method, outcome, questions) => outcomes.push(...Array<Outcome>(questions).fill(outcome)),
  });
  const ask = (...questions: readonly QuestionInContext[]) => checker.check(questions, "higher");
  return { checker, ask, checks, batches, requests, outcomes };
}

const reasonOf = (permission: OpenFgaAnswer | undefined): boolean | string | undefined =>
  permission instanceof Failure ? permission.reason : permission;

describe("the gRPC permission checker", () => {
  it("sends the published bytes: store, tuple, pinned model, consistency (openfga#1033)", async () => {
    const { ask, requests } = setUp({ check: () => yes, batch: () => batch({}) });
    await ask(question(1));
    await ask(question(1), question(2));
    expect(requests).toEqual([
      "0a1a303141525a334e44454b54535634525246465136394735464156121b0a06757365723a6112056f776e65721a0a646f63756d656e743a31221a303141525a334e44454b5453563452524646513639473546415738c801",
      "0a1a303141525a334e44454b5453563452524646513639473546415612200a1b0a06757365723a6112056f776e65721a0a646f63756d656e743a3122013012200a1b0a06757365723a6112056f776e65721a0a646f63756d656e743a322201311a1a303141525a334e44454b5453563452524646513639473546415720c801",
    ]);
  });

  it("takes an empty message for a denial (helm-charts#44) and asks nothing twice", async () => {
    const { ask, checks } = setUp({ check: () => ({ ok: true, value: create(CheckResponseSchema, {}) }) });
    expect(await ask(question(1))).toEqual([false]);
    expect(checks).toHaveLength(1);
  });

  it("retries once where that can help, and not a second time", async () => {
    const recovered = setUp({ check: (_asked, call) => (call === 1 ? refused(14) : yes) });
    expect(await recovered.ask(question(1))).toEqual([true]);
    expect(recovered.outcomes).toEqual(["unreachable", "answered"]);
    const down = setUp({ check: () => refused(14) });
    expect((await down.ask(question(1))).map(reasonOf)).toEqual(["OPENFGA_UNAVAILABLE"]);
    expect(down.checks).toHaveLength(2);
    const wrong = setUp({ check: () => refused(1500) });
    expect((await wrong.ask(question(1))).map(reasonOf)).toEqual(["OPENFGA_MISCONFIGURED"]);
    expect(wrong.checks).toHaveLength(1);
  });

  it("does not ask again when time is over", async () => {
    const { checker, checks } = setUp({ check: () => refused(14) });
    await checker.check([question(1)], "higher", { deadline: performance.now() - 1 });
    expect(checks).toHaveLength(1);
  });

  it("keeps the order of a batch", async () => {
    const { ask } = setUp({
      batch: ({ checks: asked }) =>
        batch(
          Object.fromEntries(
            asked
              .map(({ correlationId, tupleKey }) => [correlationId, allowed(tupleKey?.object.endsWith("5") ?? false)])
              .reverse(),
          ),
        ),
    });
    expect(await ask(...[1, 5, 2, 3, 15].map(question))).toEqual([false, true, false, false, true]);
  });

  it("gives each item its own outcome: one that fails does not fail the others", async () => {
    const { ask, checks } = setUp({
      check: () => yes,
      batch: () => batch({ 0: allowed(true), 1: failed(2000, "invalid relation"), 2: failed(4000, "db.internal") }),
    });
    const permissions = await ask(...[1, 2, 3].map(question));
    expect(permissions.map(reasonOf)).toEqual([true, "INTERNAL", true]);
    // Only the item that may be retried was asked again, alone.
    expect(checks.map(({ tupleKey }) => tupleKey?.object)).toEqual(["document:3"]);
  });

  it.each([
    ["an unset oneof", { 0: allowed(true), 1: {} }],
    ["a missing id", { 0: allowed(true) }],
  ])("takes %s for no answer, not for a denial", async (_what, result) => {
    const { ask } = setUp({ batch: () => batch(result) });
    const permissions = await ask(...[1, 2].map(question));
    expect(permissions.map(reasonOf)).toEqual([true, "INTERNAL"]);
  });

  it("uses nothing of an answer that holds more than was asked", async () => {
    const { ask } = setUp({ batch: () => batch({ 0: allowed(true), 1: allowed(true), 7: allowed(true) }) });
    const permissions = await ask(...[1, 2].map(question));
    expect(permissions.map(reasonOf)).toEqual(["INTERNAL", "INTERNAL"]);
  });

  it("retries a batch that failed as a whole in one call: no retry storm for a broken OpenFGA (openfga#2422)", async () => {
    const { ask, checks, batches } = setUp({ batch: () => refused(4000) });
    const permissions = await ask(...[1, 2].map(question));
    expect(permissions.map(reasonOf)).toEqual(["OPENFGA_UNAVAILABLE", "OPENFGA_UNAVAILABLE"]);
    expect([batches.length, checks.length]).toEqual([2, 0]);
  });

  it("retries all items that may pass in one call", async () => {
    const { ask, checks, batches } = setUp({
      batch: (_asked, call) =>
        call === 1
          ? batch({ 0: failed(4000), 1: allowed(true), 2: failed(4000) })
          : batch({ 0: allowed(false), 1: failed(4000) }),
    });
    const permissions = await ask(...[1, 2, 3].map(question));
    expect(permissions.map(reasonOf)).toEqual([false, true, "OPENFGA_UNAVAILABLE"]);
    expect(batches[1]?.checks.map(({ tupleKey }) => tupleKey?.object)).toEqual(["document:1", "document:3"]);
    expect([batches.length, checks.length]).toEqual([2, 0]);
  });

  it("has one time-out for both calls", async () => {
    const { ask, checks } = setUp({ check: () => refused(14), timeoutMs: 0 });
    await ask(question(1));
    expect(checks).toHaveLength(1);
  });
});
