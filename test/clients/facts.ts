import { readFileSync } from "node:fs";
import type { Tuple } from "../../src/openfga/admin/admin.js";

const example = (file: string): string =>
  readFileSync(new URL(`../../examples/direct/${file}`, import.meta.url), "utf8");

/** The model of examples/direct, with relations that have conditions. */
export const model = `${example("model.fga")}
type report
  relations
    define viewer: [user with from_network]

type ledger
  relations
    define viewer: [user with for_purpose]

condition from_network(client_ip: ipaddress, network: string) {
  client_ip.in_cidr(network)
}

condition for_purpose(purpose: string) {
  purpose == "audit"
}
`;

/**
 * The parameters of conditions that the server sends, `openfga.context` of its configuration. `purpose` is not sent.
 */
export const conditionParameters = { client_ip: "client_ip" };

/** Dave is a member of acme until he has a token for it. */
export const membershipOfDave: Tuple = { user: "user:dave", relation: "member", object: "organization:acme" };

/** More than one message of a ListResources stream can hold. */
export const archiveSize = 2_500;

export const tuples: readonly Tuple[] = [
  ...(JSON.parse(example("tuples.json")) as readonly Tuple[]), // beside us, in the form that OpenFGA takes
  membershipOfDave,
  {
    user: "user:alice",
    relation: "viewer",
    object: "report:quarter",
    condition: { name: "from_network", context: { network: "192.0.2.0/24" } },
  },
  { user: "user:alice", relation: "viewer", object: "ledger:taxes", condition: { name: "for_purpose" } },
  { user: "organization:globex", relation: "editor", object: "document:catalog" },
  ...Array.from({ length: archiveSize }, (_, index) => ({
    user: "user:librarian",
    relation: "viewer",
    object: `document:archive-${index + 1}`,
  })),
];
