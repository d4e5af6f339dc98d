/** The type of organizations where the deployment has not renamed it. */
const usualType = "organization";

/** Returns the id in `organization:acme`. */
export const idOf = (name: string): string => name.slice(name.indexOf(":") + 1);

/** Returns the path of an organization's view: `/orgs/acme`, and with the part `policy` `/orgs/acme/policy`. */
export function organizationPath(organization: string, part = ""): string {
  const short = organization.startsWith(`${usualType}:`) ? idOf(organization) : organization;
  // A colon is allowed in a path, and needed in ids that have one.
  const encoded = encodeURIComponent(short.includes(":") ? organization : short).replaceAll("%3A", ":");
  return `/orgs/${encoded}${part === "" ? "" : `/${part}`}`;
}

/** Returns the organization of a path's part: `acme` and `organization:acme` are the same. */
export const organizationOf = (part: string): string => (part.includes(":") ? part : `${usualType}:${part}`);

/** Returns the subject that a person typed: `alice` is a user. Empty stays empty. `userType`: as in `user:alice`. */
export function subjectTyped(text: string, userType: string): string {
  const typed = text.trim();
  return typed === "" || typed.includes(":") ? typed : `${userType}:${typed}`;
}
