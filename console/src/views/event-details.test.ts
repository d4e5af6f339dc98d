import { describe, expect, it } from "vitest";
import { detailsOf, tokenNames } from "./event-details.js";

describe("the details of an event", () => {
  it("are changes, and facts without a before", () => {
    expect(
      detailsOf({ "name.before": "a", "name.after": "b", "grant.after": "full", via: "service:web", reason: "LEAKED" }),
    ).toEqual({
      changes: [
        { field: "grant", before: "", after: "full" },
        { field: "name", before: "a", after: "b" },
      ],
      facts: [
        ["reason", "LEAKED"],
        ["via", "service:web"],
      ],
    });
  });
});

describe("the names of tokens in events", () => {
  it("are the newest that an event tells", () => {
    const event = (tokenId: string, name?: string) => ({
      tokenId,
      details: name === undefined ? {} : { "name.after": name },
    });
    const events = [
      event("tok_1"),
      event("tok_1", "new"),
      event("tok_2", "other"),
      event("tok_1", "old"),
      event("tok_3"),
    ];
    expect([...tokenNames(events)]).toEqual([
      ["tok_1", "new"],
      ["tok_2", "other"],
    ]);
  });
});
