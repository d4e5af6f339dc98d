import { create } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { Command } from "commander";
import ms from "ms";
import { type Policy, PolicySchema, PolicyService } from "#gen/patwarden/v1/policy_pb.js";
import { type Connection, connect } from "./client.js";
import { jsonOf, print, writeNow } from "./output.js";
import { facts } from "./table.js";
import { parseDuration, withConnection } from "./token.js";

type Options = Connection & { readonly json: boolean };

/** `patwarden policy …`. */
export function policyCommand(): Command {
  const command = new Command("policy")
    .configureOutput({ writeOut: writeNow })
    .description("show and write what a deployment and its organizations allow of tokens");
  const scope = "user, organization (both the deployment's), or organization:acme";
  withConnection(command.command("show"))
    .argument("<scope>", scope)
    .description("show a policy and what is in effect")
    .action(async (name: string, options: Options) => {
      const { policy, effective } = await connect(PolicyService, options).getPolicy({ scope: name });
      if (!policy || !effective) return;
      const json = { policy: jsonOf(PolicySchema, policy), effective: jsonOf(PolicySchema, effective) };
      await print(options.json, json, `${describe(policy)}\n\nin effect\n${describe(effective)}`);
    });
  withConnection(command.command("set"))
    .argument("<scope>", scope)
    .argument("<field=value...>", `fields: ${Object.keys(fields).join(", ")}; an empty value takes the limit away`)
    .description("change fields of a policy")
    .option("--validate-only", "only say how many tokens would be blocked", false)
    .action(async (name: string, settings: string[], options: Options & { readonly validateOnly: boolean }) => {
      const { policy, paths } = parseSettings(name, settings);
      const { validateOnly } = options;
      const response = await connect(PolicyService, options).updatePolicy({
        policy,
        updateMask: { paths },
        validateOnly,
      });
      if (!response.policy) return;
      const blocked = `${response.blockedTokens} living tokens ${validateOnly ? "would be" : "are"} blocked by the change`;
      const json = { policy: jsonOf(PolicySchema, response.policy), blockedTokens: response.blockedTokens };
      await print(options.json, json, `${describe(response.policy)}\n${blocked}`);
    });
  withConnection(command.command("delete"))
    .argument("<scope>", scope)
    .description("take all limits of a scope away")
    .action(async (name: string, options: Options) => {
      await connect(PolicyService, options).deletePolicy({ scope: name });
      await print(options.json, {}, `${name} sets no limit any more`);
    });
  return command;
}

const duration = (text: string) => (text === "" ? undefined : durationFromMs(parseDuration(text)));
const list = (text: string): string[] => (text === "" ? [] : text.split(","));
const flag = (text: string): boolean => {
  if (text === "true") return true;
  if (text === "false" || text === "") return false;
  throw new Error(`${text} must be true or false`);
};

/** For each field, how its value is read. */
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
    Object.assign(policy, fields[name as keyof typeof fields](value));
    return name;
  });
  return { policy, paths };
}

function describe(policy: Policy): string {
  const seconds = (one: Policy["maxLifetime"]) => one && ms(Number(one.seconds) * 1000, { long: true });
  const yes = (one: boolean) => (one ? "yes" : undefined);
  return facts([
    ["scope", policy.scope],
    ["max_lifetime", seconds(policy.maxLifetime)],
    ["default_lifetime", seconds(policy.defaultLifetime)],
    ["require_expiry", yes(policy.requireExpiry)],
    ["allowed_actions", policy.allowedActions.join(", ")],
    ["allowed_cidrs", policy.allowedCidrs.join(", ")],
    ["require_approval", yes(policy.requireApproval)],
    ["revoke_unused_after", seconds(policy.revokeUnusedAfter)],
    ["revoke_on_reuse", yes(policy.revokeOnReuse)],
    ["forbid_full", yes(policy.forbidFull)],
    ["block_all", yes(policy.blockAll)],
    ["allow_self_rotation", yes(policy.allowSelfRotation)],
    ["require_organization", yes(policy.requireOrganization)],
    ["etag", policy.etag],
  ]);
}
