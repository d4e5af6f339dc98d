import { z } from "zod";
import { relationName, text } from "./common-values.js";

/**
 * Who else acts, in audit events and in `created_by`, and what AuthZEN takes for a token: a subject of a type with such
 * a name could pass for one of them.
 */
const otherActors = ["service", "token", "provider", "reporter", "system", "unknown", "access_token", "identity"];

const subjectType = text
  .regex(/^[A-Za-z][A-Za-z0-9_-]{0,253}$/, "must be a type of the authorization model")
  .refine((type) => !otherActors.includes(type.toLowerCase()), {
    error: `must be none of ${otherActors.join(", ")}: what is called so is not a subject`,
  });

/** Default `admin`. */
const right = relationName.prefault("admin");

/** Types and relations of the authorization model that stand for those whom tokens act as. */
export const subjects = z
  .object({
    /** The type of users. Default `user`. */
    user_type: subjectType.default("user"),
    /** The type of organizations. Default `organization`. */
    organization_type: subjectType.default("organization"),
    /** The relation of members to their organization; asked for user tokens that are bound to one. Default `member`. */
    member_relation: relationName.prefault("member"),
    /** Relations to an organization that allow users to do this with its tokens. */
    relations: z
      .object({
        /** See them, their usage and their audit events. */
        read: right,
        /** Create and change them. */
        create: right,
        /** Approve or deny them. */
        approve: right,
        /** Revoke and suspend them. */
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
