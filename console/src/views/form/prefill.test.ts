import { describe, expect, it } from "vitest";
import { dayMs } from "./expiry.js";
import { parsePrefill } from "./prefill.js";

const parse = (query: string) => parsePrefill(new URLSearchParams(query));

describe("a link that fills in the form", () => {
  it("sets the entries that it names", () => {
    const link =
      "v=1&name=Nightly+build&description=d&justification=j&template=ci&organization=organization:acme" +
      "&expires=30d&rule=viewer,editor@document:roadmap,document:plan&rule=viewer@folder:*&network=192.0.2.0/24";
    expect(parse(link)).toEqual({
      problems: [],
      filled: {
        name: "Nightly build",
        description: "d",
        justification: "j",
        template: "ci",
        organization: "organization:acme",
        expiry: { kind: "for", ms: 30 * dayMs },
        networks: "192.0.2.0/24",
        grant: {
          mode: "chosen",
          rules: [
            { type: "document", actions: ["viewer", "editor"], ids: ["roadmap", "plan"] },
            { type: "folder", actions: ["viewer"], ids: ["*"] },
          ],
        },
      },
    });
    expect(parse("v=1&expires=2026-12-31").filled.expiry).toEqual({ kind: "day", day: "2026-12-31" });
  });

  it.each([
    ["name=x", "version", "v"],
    ["v=2&name=x", "version", "v"],
    ["v=1&nmae=x", "unknown", "nmae"],
    ["v=1&name=a&name=b", "twice", "name"],
    [`v=1&name=${"x".repeat(101)}`, "tooLong", "name"],
    ["v=1&name=a%00b", "wrong", "name"],
    ["v=1&name=a%E2%80%AEb", "wrong", "name"],
    ["v=1&full=1", "full", "full"],
    ["v=1&rule=*@document:a", "full", "rule"],
    ["v=1&rule=viewer@*", "full", "rule"],
    ["v=1&rule=viewer", "wrong", "rule"],
    ["v=1&rule=viewer@document", "wrong", "rule"],
    ["v=1&rule=viewer@document:a,folder:b", "wrong", "rule"],
    ["v=1&rule=viewer@document:a%23b", "wrong", "rule"],
    ["v=1&expires=never", "wrong", "expires"],
    ["v=1&expires=0d", "wrong", "expires"],
    ["v=1&organization=user:alice", "wrong", "organization"],
    ["v=1&network=%3Cb%3E", "wrong", "network"],
    ["v=1&network=bad", "wrong", "network"],
    ["v=1&template=%2E%2E", "wrong", "template"],
  ])("leaves out what is not valid and says so: %s", (query, kind, name) => {
    expect(parse(query)).toEqual({ filled: {}, problems: [{ kind, name }] });
  });

  it("cannot choose never, everything or a subject", () => {
    const { filled } = parse("v=1&full=true&rule=*@*&expires=never&subject=user:bob&never_expires=1");
    expect(filled).toEqual({});
  });
});
