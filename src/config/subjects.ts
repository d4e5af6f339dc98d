import { z } from "zod";
import { relationName, text } from "./common-values.js";

/**
 * Names of other actors in audit events and `created_by`, and of tokens in AuthZEN. A subject whose type has such a
 * name could be taken for one of them.
 */
const otherActors = ["service", "token", "provider", "reporter", "system", "unknown", "access_token", "identity"];

const subjectType = text
  .regex(/^[A-Za-z][A-Za-z0-9_-]{0,253}$/, "must be a type of the authorization model")
  .refine((type) => !otherActors.includes(type.toLowerCase()), {
    error: `must be none of ${otherActors.join(", ")}: these names are used for other actors`,
  });

/** The relation that gives a right. Default `admin`. */
const right = relationName.prefault("admin");

/** Types and relations of the authorization model for users and organizations, the subjects of tokens. */
export const subjects = z
  .object({
    /** The type of users. Default `user`. */
    user_type: subjectType.default("user"),
    /** The type of organizations. Default `organization`. */
    organization_type: subjectType.default("organization"),
    /** The relation of members to their organization, checked for user tokens bound to one. Default `member`. */
    member_relation: relationName.prefault("member"),
    /** Relations to an organization that give users rights on its tokens. */
    relations: z
      .object({
        /** See tokens and their usage. */
        read: right,
        /** Create and change tokens. */
        create: right,
        /** Approve or deny tokens. */
        approve: right,
        /** Revoke and suspend tokens. */
        revoke: right,
        /** Write the organization's policy. */
        policy: right,
      })
      .prefault({}),
  })
  .refine((types) => types.user_type !== types.organization_type, {
    error: "must differ from user_type",
    path: ["organization_type"],
  })
  .transform(({ user_type, organization_type, member_relation, relations }) => ({
    user: user_type,
    organization: organization_type,
    relations: { member: member_relation, ...relations },
  }))
  .prefault({});
