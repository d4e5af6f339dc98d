import { noDecision, type Reason, reasonOf } from "./decision.js";
import type { ListResourcesResponse } from "./gen/patwarden/v1/authorization_pb.js";

/**
 * The resources on which a token may act, as they arrive. Iterate it once, or cancel it: until then the call stays
 * open. A failure makes the iteration throw PatwardenError, and the list is then incomplete. Leaving the iteration
 * cancels the call.
 */
export interface ResourceList extends AsyncIterable<string> {
  /** `ALLOWED` if the token can be used, even if the list is empty; otherwise why there is no list. */
  readonly reason: Reason;
  /** False: the token cannot be used, answer 401. */
  readonly tokenValid: boolean;
  /** True if the list may lack entries because OpenFGA ran out of time. Known at the end; true until then. */
  readonly incomplete: boolean;
  /** Returns all entries that were not iterated yet. */
  toArray(): Promise<string[]>;
  /** Ends the call. A later iteration throws PatwardenError with CANCELLED. */
  cancel(): void;
}

/**
 * Resolves when the first message has arrived.
 *
 * @param cancel Ends the call; a pending read then throws.
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
