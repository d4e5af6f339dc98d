import { noDecision, type Reason, reasonOf } from "./decision.js";
import type { ListResourcesResponse } from "./gen/patwarden/v1/authorization_pb.js";

/**
 * Which resources a token may act on, as they come. It can be iterated once, and must be, or be cancelled: until then the call stays open. What fails on
 * the way makes the iteration throw PatwardenError: what came before it is no list then. Leaving the iteration cancels the call.
 */
export interface ResourceList extends AsyncIterable<string> {
  /** `ALLOWED` when the token may be asked about, though there may be nothing in the list; otherwise why there is nothing. */
  readonly reason: Reason;
  /** False: the token is no good, answer 401 to its bearer. */
  readonly tokenValid: boolean;
  /** Whether the list may lack something, because OpenFGA ran out of time. Known at its end; until then true. */
  readonly incomplete: boolean;
  /** All that have not been iterated yet. */
  toArray(): Promise<string[]>;
  /** Ends the call. What is iterated afterwards throws PatwardenError with CANCELLED. */
  cancel(): void;
}

/**
 * Resolves when the first message is there.
 *
 * @param cancel Ends the call; what waits for the next message then throws.
 */
export async function resourceListOf(
  messages: AsyncIterableIterator<ListResourcesResponse, undefined>,
  cancel: () => void,
): Promise<ResourceList> {
  const first = await messages.next();
  if (first.done) throw noDecision();
  const head = first.value;
  let incomplete = true;

  async function* resources(): AsyncGenerator<string, undefined> {
    try {
      yield* head.resources;
      let last = head;
      for await (const message of messages) {
        last = message;
        yield* message.resources;
      }
      incomplete = last.incomplete;
    } finally {
      cancel();
    }
    return undefined;
  }
  const iterator = resources();

  return {
    reason: reasonOf(head.reason),
    tokenValid: head.tokenValid,
    get incomplete() {
      return incomplete;
    },
    async toArray() {
      const all: string[] = [];
      for await (const resource of iterator) all.push(resource);
      return all;
    },
    cancel,
    [Symbol.asyncIterator]: () => iterator,
  };
}
