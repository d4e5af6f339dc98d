import { create } from "@bufbuild/protobuf";
import { type Duration, durationFromMs } from "@bufbuild/protobuf/wkt";
import {
  DeletePolicyResponseSchema,
  GetPolicyResponseSchema,
  type Policy as PolicyMessage,
  PolicySchema,
  type PolicyService,
  type UpdatePolicyRequest,
  UpdatePolicyResponseSchema,
} from "#gen/patwarden/v1/policy_pb.js";
import { type Parsed, parseAction, parseSubject, type SubjectTypes } from "../domain/identifier.js";
import { parseCidr } from "../domain/network.js";
import type { Policy } from "../domain/policy.js";
import {
  deletePolicy,
  getPolicy,
  type PoliciesOptions,
  type PolicyScope,
  type UpdatePolicyCommand,
  updatePolicy,
} from "../manage/policies.js";
import type { GuardedHandlers } from "./guard.js";
import { Violations } from "./violations.js";

export interface PolicyServiceOptions extends PoliciesOptions {
  readonly subjectTypes: SubjectTypes;
}

const maxEntries = 100;
const second = { seconds: 1n, name: "1 second" };
// The time of last use is recorded at most once a minute. A shorter minimum could revoke a token that is in use.
const day = { seconds: 86_400n, name: "1 day" };
const maxDurationSeconds = 3652n * 86_400n;

/** Returns the handlers of PolicyService. */
export function policyService(options: PolicyServiceOptions): GuardedHandlers<typeof PolicyService> {
  const scopeOf = (text: string): PolicyScope => {
    const violations = new Violations();
    return violations.settle({ scope: takeScope(violations, "scope", text, options.subjectTypes) }).scope;
  };
  return {
    async getPolicy({ scope }, { caller }) {
      const { policy, effective } = await getPolicy(options, caller, scopeOf(scope));
      return create(GetPolicyResponseSchema, {
        policy: policyMessage(policy.scope, policy.policy, policy.etag),
        effective: policyMessage(policy.scope, effective, ""),
      });
    },
    async updatePolicy(request, { caller }) {
      const command = parseUpdatePolicy(request, options.subjectTypes);
      const { policy, blocked } = await updatePolicy(options, caller, command);
      return create(UpdatePolicyResponseSchema, {
        policy: policyMessage(policy.scope, policy.policy, policy.etag),
        blockedTokens: blocked.count,
        blockedTokenIds: [...blocked.newest],
      });
    },
    async deletePolicy({ scope }, { caller }) {
      await deletePolicy(options, caller, scopeOf(scope));
      return create(DeletePolicyResponseSchema);
    },
  };
}

function parseUpdatePolicy(
  { policy, updateMask, validateOnly }: UpdatePolicyRequest,
  subjectTypes: SubjectTypes,
): UpdatePolicyCommand {
  const violations = new Violations();
  const scope = takeScope(violations, "policy.scope", policy?.scope ?? "", subjectTypes);
  const paths = new Set(updateMask?.paths ?? []);
  if (paths.size === 0) violations.add("update_mask", "must name at least one field");
  const update: Partial<Policy> = {};
  for (const [index, path] of [...paths].entries()) {
    if (!Object.hasOwn(fields, path)) {
      violations.add(`update_mask.paths[${index}]`, `must be one of ${Object.keys(fields).join(", ")}`);
    } else if (policy) {
      Object.assign(update, fields[path as keyof typeof fields](policy, violations));
    }
  }
  if (update.requireOrganization && scope && scope.scope !== "user") {
    violations.add("policy.require_organization", "is only for scope user");
  }
  return { ...violations.settle({ scope }), update, etag: policy?.etag ?? "", validateOnly };
}

/** The change for each path that an update mask may name. An empty list or an absent duration removes the limit. */
const fields = {
  max_lifetime: ({ maxLifetime }, violations) => ({
    maxLifetimeMs: takeDuration(violations, "policy.max_lifetime", maxLifetime),
  }),
  default_lifetime: ({ defaultLifetime }, violations) => ({
    defaultLifetimeMs: takeDuration(violations, "policy.default_lifetime", defaultLifetime),
  }),
  require_expiry: ({ requireExpiry }) => ({ requireExpiry }),
  allowed_actions: ({ allowedActions }, violations) => ({
    allowedActions: takeList(violations, "policy.allowed_actions", allowedActions, parseAction),
  }),
  allowed_cidrs: ({ allowedCidrs }, violations) => ({
    allowedCidrs: takeList(violations, "policy.allowed_cidrs", allowedCidrs, parseCidr),
  }),
  require_approval: ({ requireApproval }) => ({ requireApproval }),
  revoke_unused_after: ({ revokeUnusedAfter }, violations) => ({
    revokeUnusedAfterMs: takeDuration(violations, "policy.revoke_unused_after", revokeUnusedAfter, day),
  }),
  revoke_on_reuse: ({ revokeOnReuse }) => ({ revokeOnReuse }),
  forbid_full: ({ forbidFull }) => ({ forbidFull }),
  block_all: ({ blockAll }) => ({ blockAll }),
  allow_self_rotation: ({ allowSelfRotation }) => ({ allowSelfRotation }),
  require_organization: ({ requireOrganization }) => ({ requireOrganization }),
} as const satisfies Record<string, (policy: PolicyMessage, violations: Violations) => Partial<Policy>>;

function takeScope(violations: Violations, field: string, text: string, types: SubjectTypes): PolicyScope | undefined {
  if (text === "user" || text === "organization") return { kind: "deployment", scope: text };
  const parsed = parseSubject(text, types);
  if (parsed.ok && parsed.value.kind === "organization") return { kind: "organization", scope: parsed.value.name };
  violations.add(field, `must be user, organization, or the name of an organization (${types.organization}:<id>)`);
  return undefined;
}

function takeDuration(
  violations: Violations,
  field: string,
  duration: Duration | undefined,
  min: { readonly seconds: bigint; readonly name: string } = second,
): number | undefined {
  if (!duration) return undefined;
  const { seconds, nanos } = duration;
  if (seconds >= min.seconds && seconds <= maxDurationSeconds && nanos >= 0 && nanos <= 999_999_999) {
    return Number(seconds) * 1000 + Math.floor(nanos / 1_000_000);
  }
  violations.add(field, `must be ${min.name} to 10 years (3652 days)`);
  return undefined;
}

function takeList<T>(
  violations: Violations,
  field: string,
  texts: readonly string[],
  parse: (text: string) => Parsed<T>,
): readonly T[] | undefined {
  if (texts.length > maxEntries) violations.add(field, `must have at most ${maxEntries} entries`);
  if (texts.length === 0 || texts.length > maxEntries) return undefined;
  return texts.flatMap((text, index) => violations.take(`${field}[${index}]`, parse(text)) ?? []);
}

/** Renders a policy. */
export function policyMessage(scope: string, policy: Policy, etag: string): PolicyMessage {
  const { maxLifetimeMs, defaultLifetimeMs, revokeUnusedAfterMs, allowedActions, allowedCidrs, ...switches } = policy;
  return create(PolicySchema, {
    ...switches,
    scope,
    etag,
    ...(maxLifetimeMs !== undefined && { maxLifetime: durationFromMs(maxLifetimeMs) }),
    ...(defaultLifetimeMs !== undefined && { defaultLifetime: durationFromMs(defaultLifetimeMs) }),
    ...(revokeUnusedAfterMs !== undefined && { revokeUnusedAfter: durationFromMs(revokeUnusedAfterMs) }),
    allowedActions: [...(allowedActions ?? [])],
    allowedCidrs: [...(allowedCidrs ?? [])],
  });
}
