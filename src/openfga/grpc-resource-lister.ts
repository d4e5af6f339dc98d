import { OpenFGAService } from "#gen/openfga/v1/openfga_service_pb.js";
import { parseResource, type ResourceName } from "../domain/identifier.js";
import type { ResourceLister, ResourcePage } from "../domain/permission-checker.js";
import { consistencyPreferences, type Pinned } from "./check-request.js";
import type { OpenFgaClient } from "./client.js";
import type { ContextOf } from "./condition-context.js";
import { type Outcome, readRefusal } from "./outcome.js";

export interface GrpcResourceListerOptions extends Pinned {
  readonly client: Pick<OpenFgaClient, "stream">;
  /** Fills the parameters of conditions. */
  readonly contextOf: ContextOf;
  /** Milliseconds after which OpenFGA itself ends a list. */
  readonly listDeadlineMs: number;
  /** Called with the outcome of each list. */
  readonly onOutcome?: (method: "StreamedListObjects", outcome: Outcome, lists: number) => void;
}

const pageSize = 1_000;

/**
 * The time for a slow reader to read what OpenFGA has found in time. It also ends the call to a stuck OpenFGA, which
 * does not keep its own deadline.
 */
const slowReaderMs = 10_000;

/**
 * The part of OpenFGA's deadline within which a list is surely complete. A list that OpenFGA cuts at its deadline ends
 * like a complete one (openfga#3276): only the elapsed time shows the difference.
 */
const surelyInTime = 0.9;

/** Lists by StreamedListObjects, which unlike ListObjects has no limit on the number of results. Not retried. */
export function createGrpcResourceLister(options: GrpcResourceListerOptions): ResourceLister {
  const { client, storeId, modelId, contextOf, listDeadlineMs, onOutcome } = options;
  return {
    async *list(
      { subject, action, type, clientAddress },
      consistency,
      options = {},
    ): AsyncGenerator<ResourcePage, void> {
      const sentAt = performance.now();
      const context = contextOf(clientAddress);
      const stream = client.stream(
        OpenFGAService.method.streamedListObjects,
        {
          storeId,
          authorizationModelId: modelId,
          type,
          relation: action,
          user: subject,
          ...(context && { context: Object.fromEntries(context.values) }),
          consistency: consistencyPreferences[consistency],
        },
        {
          deadline: Math.min(sentAt + listDeadlineMs + slowReaderMs, options.deadline ?? Number.POSITIVE_INFINITY),
          signal: options.signal,
        },
      );
      let resources: ResourceName[] = [];
      try {
        let next = await stream.next();
        for (; !next.done; next = await stream.next()) {
          const resource = parseResource(next.value.object);
          if (!resource.ok) continue;
          if (resources.length === pageSize) {
            yield { resources, incomplete: false };
            resources = [];
          }
          resources.push(resource.value);
        }
        const trouble = next.value && readRefusal(next.value);
        onOutcome?.("StreamedListObjects", trouble?.outcome ?? "answered", 1);
        if (trouble) throw trouble.failure;
        yield { resources, incomplete: performance.now() - sentAt >= listDeadlineMs * surelyInTime };
      } finally {
        await stream.return(undefined);
      }
    },
  };
}
