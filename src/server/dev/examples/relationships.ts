import type { Tuple } from "../../../openfga/admin/admin.js";

const on = (relation: string, ...shares: readonly (readonly [user: string, ...ids: readonly string[]])[]) =>
  shares.flatMap(([user, ...ids]) => ids.map((id): Tuple => ({ user, relation, object: `document:${id}` })));

/** Relationships beside those of examples/direct/tuples.json, so that lists of documents have something to show. */
export const exampleRelationships: readonly Tuple[] = [
  { user: "user:dave", relation: "member", object: "organization:acme" },
  { user: "user:alice", relation: "member", object: "organization:globex" },
  ...on(
    "editor",
    ["user:alice", "release-notes", "style-guide", "onboarding"],
    ["user:bob", "budget", "contracts", "price-list"],
    ["organization:acme#member", "meeting-notes"],
  ),
  ...on(
    "viewer",
    ["user:alice", "architecture", "design-review", "faq"],
    ["organization:acme#member", "brand-book", "holidays", "org-chart"],
    ["organization:acme", "catalogue", "opening-hours", "press-kit", "terms"],
  ),
];
