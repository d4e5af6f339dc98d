import { Failure } from "../domain/errors.js";
import type { ActionName, ResourceName, SubjectName } from "../domain/identifier.js";
import type { PermissionChecker } from "../domain/permission-checker.js";
import type { Rank, TokenId, TokenRecord } from "../domain/token.js";
import type { TokenSnapshot, TokenStore } from "../domain/token-store.js";
import { admitsSubject, type Caller, ceilingsOf } from "./caller.js";

/** What people may be allowed on an organization's tokens; which relation stands for it is configuration. */
export type Right = "read" | "create" | "approve" | "revoke" | "policy";

export interface RightsOptions {
  readonly permissions: PermissionChecker;
  /** Relations on the organization, `subjects.relations` of the configuration. */
  readonly relations: Readonly<Record<Right, ActionName>>;
}

/** Whose token it is or will be. */
export type Owner = Pick<TokenRecord, "subject" | "organization" | "kind">;

/**
 * What callers may on objects. A right is either the caller's own (a holder on the own token, a service by
 * configuration, a token on itself), which costs nothing and so works while OpenFGA is down, or what OpenFGA says now
 * of the organization, past every cache.
 */
export class Rights {
  readonly #options: RightsOptions;

  constructor(options: RightsOptions) {
    this.#options = options;
  }

  /**
   * How far the caller's word reaches on tokens of this owner; undefined when not at all. Throws when OpenFGA cannot
   * say.
   */
  async rankOn(caller: Caller, owner: Owner, right: Right, id?: TokenId): Promise<Rank | undefined> {
    if (!admitsSubject(ceilingsOf(caller), owner.subject)) return undefined;
    switch (caller.kind) {
      case "service":
        return "deployment";
      case "token":
        return id !== undefined && id === caller.id ? "holder" : undefined;
      case "user": {
        if (caller.admin) return "deployment";
        // Approving one's own token would be no approval; ASVS 2.3.5.
        if (owner.subject === caller.subject) return right === "approve" ? undefined : "holder";
        // Administrators see and end tokens bound to their organization; they never mint for a member.
        const organization = owner.kind === "oat" ? owner.subject : right === "create" ? undefined : owner.organization;
        return organization && (await this.#holds(caller.subject, right, organization)) ? "organization" : undefined;
      }
    }
  }

  /**
   * The same of a caller whose word reaches equally far on every token that it admits, so that nothing need be read to
   * tell.
   */
  blanketRank(caller: Caller): { readonly rank: Rank; readonly admits: (owner: Owner) => boolean } | undefined {
    if (caller.kind !== "service") return undefined;
    return { rank: "deployment", admits: ({ subject }) => admitsSubject(ceilingsOf(caller), subject) };
  }

  /** Whether the caller has a right on an organization itself, for its policy and its whole list. */
  async onOrganization(caller: Caller, organization: SubjectName, right: Right): Promise<boolean> {
    if (!admitsSubject(ceilingsOf(caller), organization)) return false;
    if (caller.kind !== "user" || caller.admin) return caller.kind !== "token";
    return this.#holds(caller.subject, right, organization);
  }

  /**
   * The token and how far the caller's word reaches on it. Throws NOT_FOUND alike for an id that does not exist and one
   * that the caller may not know of, CALLER_FORBIDDEN when it may see the token but lacks the right.
   */
  async require(
    store: Pick<TokenStore, "get">,
    caller: Caller,
    id: TokenId,
    right: Right,
  ): Promise<{ readonly snapshot: TokenSnapshot; readonly rank: Rank }> {
    const snapshot = await store.get(id);
    if (!snapshot) throw new Failure("NOT_FOUND");
    const rank = await this.rankOn(caller, snapshot.token, right, id);
    if (rank) return { snapshot, rank };
    const visible = right !== "read" && (await this.rankOn(caller, snapshot.token, "read", id));
    throw visible ? new Failure("CALLER_FORBIDDEN", { metadata: { permission: right } }) : new Failure("NOT_FOUND");
  }

  async #holds(user: SubjectName, right: Right, organization: SubjectName): Promise<boolean> {
    const [held] = await this.#options.permissions.check(
      // A subject name is an object of the model like any other.
      [{ subject: user, action: this.#options.relations[right], resource: organization as string as ResourceName }],
      "higher",
    );
    if (held instanceof Failure) throw held;
    return held === true;
  }
}
