import { create, type MessageShape } from "@bufbuild/protobuf";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import {
  type StreamedListObjectsRequestSchema,
  StreamedListObjectsResponseSchema,
} from "#gen/openfga/v1/openfga_service_pb.js";
import { Failure } from "../domain/errors.js";
import type { ActionName, SubjectName } from "../domain/identifier.js";
import type { ResourcePage } from "../domain/permission-checker.js";
import type { Refused, StreamOptions } from "./channel.js";
import type { OpenFgaClient } from "./client.js";
import { createContextOf } from "./condition-context.js";
import { createGrpcResourceLister } from "./grpc-resource-lister.js";
import type { Outcome } from "./outcome.js";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const refused = (code: number): Refused => ({ ok: false, code, details: "", deadlinePassed: false, cancelled: false });

/** Stands in for a stream of OpenFGA that sends these names, takes `takesMs` and ends with `end`. */
function setUp(names: readonly string[], { takesMs = 0, end = undefined as Refused | undefined } = {}) {
  const seen = { read: 0, left: false };
  const requests: MessageShape<typeof StreamedListObjectsRequestSchema>[] = [];
  const streams: StreamOptions[] = [];
  const outcomes: Outcome[] = [];
  const client: Pick<OpenFgaClient, "stream"> = {
    async *stream(method, request, options): AsyncGenerator<never, Refused | undefined> {
      requests.push(create(method.input, request) as unknown as MessageShape<typeof StreamedListObjectsRequestSchema>);
      streams.push(options);
      try {
        for (const object of names) {
          seen.read++;
          yield create(StreamedListObjectsResponseSchema, { object }) as never;
        }
        await vi.advanceTimersByTimeAsync(takesMs);
        return end;
      } finally {
        seen.left = true;
      }
    },
  };
  const lister = createGrpcResourceLister({
    client,
    storeId: "s",
    modelId: "m",
    listDeadlineMs: 3_000,
    contextOf: createContextOf(
      { current_time: "now", ip: "client_ip" },
      { now: () => new Date("2026-03-01T12:00:00.500Z") },
    ),
    onOutcome: (_method, outcome) => outcomes.push(outcome),
  });
  const query = {
    subject: "user:a" as SubjectName,
    action: "viewer" as ActionName,
    type: "document",
    clientAddress: "192.0.2.1",
  };
  return { lister, query, requests, streams, outcomes, seen };
}

async function all(pages: AsyncIterable<ResourcePage>): Promise<ResourcePage[]> {
  const read: ResourcePage[] = [];
  for await (const page of pages) read.push(page);
  return read;
}

const documents = (count: number) => Array.from({ length: count }, (_, index) => `document:${index}`);

it("sends the caller's question, with the pinned store and model", async () => {
  const { lister, query, requests } = setUp([]);
  await all(lister.list(query, "higher"));
  await all(lister.list(query, "minimize-latency"));
  expect(requests).toMatchObject([
    {
      storeId: "s",
      authorizationModelId: "m",
      type: "document",
      relation: "viewer",
      user: "user:a",
      context: { current_time: "2026-03-01T12:00:00Z", ip: "192.0.2.1" },
      consistency: 200,
    },
    { consistency: 100 },
  ]);
});

it.each([
  [0, [0]],
  [1, [1]],
  [1_000, [1_000]],
  [1_001, [1_000, 1]],
  [2_500, [1_000, 1_000, 500]],
])("gives %i names in pages of %j", async (count, sizes) => {
  const { lister, query, outcomes } = setUp(documents(count));
  const pages = await all(lister.list(query, "higher"));
  expect(pages.map(({ resources }) => resources.length)).toEqual(sizes);
  expect(pages.flatMap(({ resources }) => resources)).toEqual(documents(count));
  expect(pages.map(({ incomplete }) => incomplete)).toEqual(sizes.map(() => false));
  expect(outcomes).toEqual(["answered"]);
});

it.each([
  [0, false],
  [2_699, false],
  [2_700, true],
  [5_000, true],
])(
  "a list that took %i ms, with OpenFGA's own limit at 3,000, may be incomplete: %s (openfga#3276)",
  async (takesMs, incomplete) => {
    const { lister, query } = setUp(documents(1_001), { takesMs });
    const pages = await all(lister.list(query, "higher"));
    expect(pages.map((page) => page.incomplete)).toEqual([false, incomplete]);
  },
);

it("leaves out names that no Check could ask about", async () => {
  const { lister, query } = setUp(["document:1", "document:ü", "document:a b", "document:*", "document:2"]);
  const [page] = await all(lister.list(query, "higher"));
  expect(page?.resources).toEqual(["document:1", "document:2"]);
});

it.each<[number, string, Outcome]>([
  [14, "OPENFGA_UNAVAILABLE", "unreachable"],
  [4, "DEADLINE_EXCEEDED", "deadline"],
  [2021, "INTERNAL", "model-mismatch"],
  [1500, "OPENFGA_MISCONFIGURED", "misconfigured"],
])("throws what status %i means, also after some pages", async (code, reason, outcome) => {
  const { lister, query, outcomes } = setUp(documents(1_500), { end: refused(code) });
  const read: ResourcePage[] = [];
  const reading = (async () => {
    for await (const page of lister.list(query, "higher")) read.push(page);
  })();
  const error = await reading.catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(Failure);
  expect(error).toMatchObject({ reason });
  expect(read).toHaveLength(1);
  expect(outcomes).toEqual([outcome]);
});

it("reads no further than its reader, and ends the call when the reader stops", async () => {
  const { lister, query, seen } = setUp(documents(5_000));
  for await (const page of lister.list(query, "higher")) {
    expect(page.resources).toHaveLength(1_000);
    expect(seen).toEqual({ read: 1_001, left: false });
    break;
  }
  expect(seen).toEqual({ read: 1_001, left: true });
});

it("ends at its caller's deadline, after the time for a slow reader, and with its caller's signal", async () => {
  const { lister, query, streams } = setUp([]);
  const { signal } = new AbortController();
  const now = performance.now();
  await all(lister.list(query, "higher", { deadline: now + 500, signal }));
  await all(lister.list(query, "higher", { deadline: now + 60_000 }));
  await all(lister.list(query, "higher"));
  expect(streams).toEqual([{ deadline: now + 500, signal }, { deadline: now + 13_000 }, { deadline: now + 13_000 }]);
});
