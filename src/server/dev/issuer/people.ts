/** A person whom everybody may sign in as. */
export interface Person {
  /** The user's id: the claim `sub`. */
  readonly id: string;
  readonly name: string;
  /** A few words for the page of the sign-in. */
  readonly about: string;
  /** The claim `roles`. */
  readonly roles: readonly string[];
}

/** The value of the claim `roles` that makes a person an administrator of the deployment. */
export const adminRole = "patwarden-admin";

/** The people of examples/direct, and an administrator. */
export const people: readonly Person[] = [
  { id: "alice", name: "Alice Archer", about: "a member of acme", roles: [] },
  { id: "bob", name: "Bob Brewer", about: "an administrator of acme", roles: [] },
  { id: "root", name: "Robin Root", about: "an administrator of the deployment", roles: [adminRole] },
];
