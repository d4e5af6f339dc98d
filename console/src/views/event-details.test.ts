import { describe, expect, it } from "vitest";
import { detailsOf } from "./event-details.js";

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
