import { create } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import type { Command } from "commander";
import { type Policy, PolicySchema, PolicyService } from "#gen/patwarden/v1/policy_pb.js";
import { connect } from "./client.js";
import { type Calling, parseDuration, withConnection } from "./options.js";
import { durationText, facts, jsonOf, print } from "./output.js";

/** Adds `patwarden policy …`. */
export function addPolicyCommands(program: Command): void {
  const policy = program
    .command("policy")
    .description("show and change the limits that the deployment and its organizations set for tokens");
  const command = (name: string, description: string) =>
    policy
      .command(name)
      .argument("<scope>", "user: for all users; organization: for all organizations; organization:acme: for this one")
      .description(description);
  command("show", "show a policy, and the limits in effect").action(show);
  command("set", "change fields of a policy")
    .argument("<field=value...>", `fields: ${Object.keys(fields).join(", ")}; an empty value removes the limit`)
    .option(
      "--validate-only",
      "change nothing; only print how many tokens would no longer be usable, and the newest 50",
      false,
    )
    .action(set);
  command("delete", "remove all limits of a scope").action(async (scope: string, options: Calling) => {
    await connect(PolicyService, options).deletePolicy({ scope });
    await print(options.json, {}, `${scope} no longer sets limits`);
  });
  for (const each of policy.commands) withConnection(each);
}

async function show(scope: string, options: Calling): Promise<void> {
  const { policy, effective } = await connect(PolicyService, options).getPolicy({ scope });
  if (!policy || !effective) return;
  const json = { policy: jsonOf(PolicySchema, policy), effective: jsonOf(PolicySchema, effective) };
  await print(options.json, json, `${describe(policy)}\n\nin effect\n${describe(effective)}`);
}

async function set(
  scope: string,
  settings: readonly string[],
  options: Calling & { readonly validateOnly: boolean },
): Promise<void> {
  const { policy, paths } = parseSettings(scope, settings);
  const { validateOnly } = options;
  const response = await connect(PolicyService, options).updatePolicy({ policy, updateMask: { paths }, validateOnly });
  if (!response.policy) return;
  const { blockedTokens, blockedTokenIds } = response;
  const effect = validateOnly
    ? `nothing was changed; tokens that would no longer be usable: ${blockedTokens}`
    : `tokens that are no longer usable because of this change: ${blockedTokens}`;
  const json = { policy: jsonOf(PolicySchema, response.policy), blockedTokens, blockedTokenIds };
  const more = blockedTokens > blockedTokenIds.length ? ["..."] : [];
  await print(options.json, json, [describe(response.policy), effect, ...blockedTokenIds, ...more].join("\n"));
}

const duration = (text: string) => (text === "" ? undefined : durationFromMs(parseDuration(text)));
const list = (text: string): string[] => (text === "" ? [] : text.split(","));
const flag = (text: string): boolean => {
  if (text === "true") return true;
  if (text === "false" || text === "") return false;
  throw new Error("must be true or false");
};

/** The parser of each field's value. */
const fields = {
  max_lifetime: (text) => ({ maxLifetime: duration(text) }),
  default_lifetime: (text) => ({ defaultLifetime: duration(text) }),
  require_expiry: (text) => ({ requireExpiry: flag(text) }),
  allowed_actions: (text) => ({ allowedActions: list(text) }),
  allowed_cidrs: (text) => ({ allowedCidrs: list(text) }),
  require_approval: (text) => ({ requireApproval: flag(text) }),
  revoke_unused_after: (text) => ({ revokeUnusedAfter: duration(text) }),
  revoke_on_reuse: (text) => ({ revokeOnReuse: flag(text) }),
  forbid_full: (text) => ({ forbidFull: flag(text) }),
  block_all: (text) => ({ blockAll: flag(text) }),
  allow_self_rotation: (text) => ({ allowSelfRotation: flag(text) }),
  require_organization: (text) => ({ requireOrganization: flag(text) }),
} as const satisfies Record<string, (text: string) => Record<string, unknown>>;

function parseSettings(
  scope: string,
  settings: readonly string[],
): { readonly policy: Policy; readonly paths: string[] } {
  const policy = create(PolicySchema, { scope });
  const paths = settings.map((setting) => {
    const [name = "", value] = setting.split(/=(.*)/s, 2);
    if (value === undefined || !Object.hasOwn(fields, name)) {
      throw new Error(`${setting} must be FIELD=VALUE with one of ${Object.keys(fields).join(", ")}`);
    }
    try {
      Object.assign(policy, fields[name as keyof typeof fields](value)); // checked above
    } catch (error) {
      throw new Error(`${setting}: ${error instanceof Error ? error.message : error}`);
    }
    return name;
  });
  return { policy, paths };
}

function describe(policy: Policy): string {
  const duration = (one: Policy["maxLifetime"]) => one && durationText(Number(one.seconds));
  const yes = (one: boolean) => (one ? "yes" : undefined);
  const limits = [
    ["max_lifetime", duration(policy.maxLifetime)],
    ["default_lifetime", duration(policy.defaultLifetime)],
    ["require_expiry", yes(policy.requireExpiry)],
    ["allowed_actions", policy.allowedActions.join(", ")],
    ["allowed_cidrs", policy.allowedCidrs.join(", ")],
    ["require_approval", yes(policy.requireApproval)],
    ["revoke_unused_after", duration(policy.revokeUnusedAfter)],
    ["revoke_on_reuse", yes(policy.revokeOnReuse)],
    ["forbid_full", yes(policy.forbidFull)],
    ["block_all", yes(policy.blockAll)],
    ["allow_self_rotation", yes(policy.allowSelfRotation)],
    ["require_organization", yes(policy.requireOrganization)],
  ] as const;
  const none = limits.every(([, value]) => !value);
  return facts([["scope", policy.scope], ["limits", none ? "none" : undefined], ...limits, ["etag", policy.etag]]);
}
