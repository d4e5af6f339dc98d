import { Failure } from "../domain/errors.js";
import type { ActionName, ResourceName, SubjectName } from "../domain/identifier.js";
import type { PermissionChecker } from "../domain/permission-checker.js";
import type { Rank, TokenId, TokenRecord } from "../domain/token.js";
import type { TokenSnapshot, TokenStore } from "../domain/token-store.js";
import { admitsSubject, type Caller, ceilingsOf } from "./caller.js";

/** A right of users on an organization's tokens. The configuration maps each right to a relation. */
export type Right = "read" | "create" | "approve" | "revoke" | "policy";

export interface RightsOptions {
  readonly permissions: PermissionChecker;
  /** Relations on the organization, `subjects.relations` of the configuration. */
  readonly relations: Readonly<Record<Right, ActionName>>;
}

/** The owner of an existing or new token. */
export type Owner = Pick<TokenRecord, "subject" | "organization" | "kind">;

/**
 * Decides what callers may do with objects. Holders have rights on their own tokens, services by configuration, and a
 * token on itself: these rights work also while OpenFGA is down. All other rights are relations to the organization;
 * OpenFGA is asked with higher consistency, past every cache.
 */
export class Rights {
  readonly #options: RightsOptions;
  /** The answers to keep, by question. Undefined: none are kept. */
  #answers: Map<string, Promise<boolean>> | undefined;

  constructor(options: RightsOptions) {
    this.#options = options;
  }

  /** Returns rights for one request: OpenFGA is asked each question once, however many tokens it concerns. */
  remembering(): Rights {
    const rights = new Rights(this.#options);
    rights.#answers = new Map();
    return rights;
  }

  /**
   * Returns the caller's rank on tokens of this owner, or undefined when the caller does not have the right. Throws
   * when OpenFGA fails.
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
        // Nobody approves their own token; ASVS 2.3.5.
        if (owner.subject === caller.subject) return right === "approve" ? undefined : "holder";
        // Administrators of an organization may see and revoke members' tokens bound to it, but never create them.
        const organization = owner.kind === "oat" ? owner.subject : right === "create" ? undefined : owner.organization;
        return organization && (await this.#holds(caller.subject, right, organization)) ? "organization" : undefined;
      }
    }
  }

  /**
   * Returns the rank of a caller that has the same rank on every token that it admits, and which owners it admits; no
   * token must be read for this. Returns undefined for other callers.
   */
  blanketRank(caller: Caller): { readonly rank: Rank; readonly admits: (owner: Owner) => boolean } | undefined {
    if (caller.kind !== "service") return undefined;
    return { rank: "deployment", admits: ({ subject }) => admitsSubject(ceilingsOf(caller), subject) };
  }

  /** Returns whether the caller has a right on the whole organization, for its policy and lists of its tokens. */
  async onOrganization(caller: Caller, organization: SubjectName, right: Right): Promise<boolean> {
    if (!admitsSubject(ceilingsOf(caller), organization)) return false;
    if (caller.kind !== "user" || caller.admin) return caller.kind !== "token";
    return this.#holds(caller.subject, right, organization);
  }

  /**
   * Returns the token and the caller's rank on it. Throws NOT_FOUND for an id that does not exist and for one that the
   * caller may not see, CALLER_FORBIDDEN when the caller may see the token but does not have the right.
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

  #holds(user: SubjectName, right: Right, organization: SubjectName): Promise<boolean> {
    const question = JSON.stringify([user, right, organization]);
    const answer = this.#answers?.get(question) ?? this.#ask(user, right, organization);
    this.#answers?.set(question, answer);
    return answer;
  }

  async #ask(user: SubjectName, right: Right, organization: SubjectName): Promise<boolean> {
    const [held] = await this.#options.permissions.check(
      // A subject name is an object of the model like any other.
      [{ subject: user, action: this.#options.relations[right], resource: organization as string as ResourceName }],
      "higher",
    );
    if (held instanceof Failure) throw held;
    return held === true;
  }
}
