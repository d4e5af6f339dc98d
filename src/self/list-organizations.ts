import { actorOf, admitsSubject, type Caller, ceilingsOf } from "../callers/caller.js";
import type { Right } from "../callers/rights.js";
import type { CallOptions } from "../domain/call-options.js";
import { Failure } from "../domain/errors.js";
import type { ActionName, Subject, SubjectName, SubjectTypes } from "../domain/identifier.js";
import { openPageToken, sealPageToken } from "../domain/page-token.js";
import type { AuthorizationModel, ResourceLister } from "../domain/permission-checker.js";

/** An organization of a user. */
export interface OwnOrganization {
  readonly organization: SubjectName;
  readonly member: boolean;
  readonly rights: readonly Right[];
}

export interface OrganizationsQuery {
  readonly subject: Subject;
  /** A part of the id, in any case. Empty: all organizations. */
  readonly query: string;
  /** 1 to 1000. */
  readonly pageSize: number;
  /** Empty: the first page. */
  readonly pageToken: string;
}

export interface OrganizationsPage {
  /** By name. */
  readonly organizations: readonly OwnOrganization[];
  /** Empty on the last page. */
  readonly nextPageToken: string;
  /** Whether there may be more than OpenFGA has found. */
  readonly incomplete: boolean;
}

export interface ListOrganizationsOptions {
  readonly resources: ResourceLister;
  readonly model: () => AuthorizationModel;
  /** Relations on organizations: of members, and of users with a right. */
  readonly relations: Readonly<Record<Right | "member", ActionName>>;
  readonly subjectTypes: SubjectTypes;
  /** Keys that page tokens are authenticated with; the first seals, all open. */
  readonly pageTokenKeys: readonly Uint8Array[];
}

/** The most organizations that are read for one relation. */
const mostRead = 20_000;

/**
 * Lists the organizations of a user by name. Asks OpenFGA past every cache, once for each relation that the rights are
 * mapped to. Throws NOT_FOUND for a user that the caller may not see, and when OpenFGA fails.
 */
export async function listOrganizations(
  options: ListOrganizationsOptions,
  caller: Caller,
  { subject, query, pageSize, pageToken }: OrganizationsQuery,
  call: CallOptions & { readonly signal: AbortSignal },
): Promise<OrganizationsPage> {
  const { pageTokenKeys } = options;
  requireVisible(caller, subject.name);
  const scope = JSON.stringify(["organizations", actorOf(caller), subject.name, query]);
  const after = openPageToken(pageTokenKeys, scope, pageToken) ?? "";
  const { held, incomplete } = await relationsHeld(options, subject.name, call);
  const part = query.toLowerCase();
  const found = [...held]
    // Only the id is searched, not the type before it.
    .filter(([name]) => name.toLowerCase().includes(part, name.indexOf(":") + 1))
    .map(([name, relations]) => organizationOf(options, caller, name, relations))
    .filter(({ organization, member, rights }) => (member || rights.length > 0) && organization > after)
    .sort((a, b) => (a.organization < b.organization ? -1 : 1));
  const organizations = found.slice(0, pageSize);
  const end = organizations.at(-1)?.organization;
  const more = found.length > organizations.length && end !== undefined;
  return {
    organizations,
    nextPageToken: more ? sealPageToken(pageTokenKeys, scope, end) : "",
    incomplete,
  };
}

function requireVisible(caller: Caller, subject: SubjectName): void {
  const own = caller.kind !== "user" || caller.admin || caller.subject === subject;
  if (!own || !admitsSubject(ceilingsOf(caller), subject)) throw new Failure("NOT_FOUND");
}

/** Returns the relations that a user holds on each organization. */
async function relationsHeld(
  { resources, model, relations, subjectTypes }: ListOrganizationsOptions,
  subject: SubjectName,
  call: CallOptions & { readonly signal: AbortSignal },
): Promise<{ readonly held: ReadonlyMap<SubjectName, ReadonlySet<ActionName>>; readonly incomplete: boolean }> {
  const type = subjectTypes.organization;
  // Nobody holds a relation that the model does not have; OpenFGA would refuse the question.
  const asked = [...new Set(Object.values(relations))].filter((action) => model().hasAction(type, action));
  const held = new Map<SubjectName, Set<ActionName>>();
  let incomplete = false;
  const read = async (action: ActionName): Promise<void> => {
    let count = 0;
    for await (const page of resources.list({ subject, action, type }, "higher", call)) {
      incomplete ||= page.incomplete;
      for (const resource of page.resources) {
        const name = resource as string as SubjectName; // an object of the type of organizations
        held.set(name, (held.get(name) ?? new Set()).add(action));
      }
      count += page.resources.length;
      if (count >= mostRead) {
        incomplete = true;
        return;
      }
    }
  };
  await Promise.all(asked.map(read));
  return { held, incomplete };
}

const rightsInOrder: readonly Right[] = ["read", "create", "approve", "revoke", "policy"];

function organizationOf(
  { relations }: ListOrganizationsOptions,
  caller: Caller,
  organization: SubjectName,
  held: ReadonlySet<ActionName>,
): OwnOrganization {
  // Through a service that does not manage this organization, nobody has a right on it.
  const admitted = admitsSubject(ceilingsOf(caller), organization);
  const rights = admitted ? rightsInOrder.filter((right) => held.has(relations[right])) : [];
  return { organization, member: held.has(relations.member), rights };
}
