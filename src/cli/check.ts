import type { Command } from "commander";
import {
  AuthorizationService,
  type CheckResponse,
  CheckResponseSchema,
  Consistency,
  type IntrospectResponse,
  IntrospectResponseSchema,
} from "#gen/patwarden/v1/authorization_pb.js";
import type { Reason as ReasonNumber } from "#gen/patwarden/v1/reason_pb.js";
import { type Token, TokenService } from "#gen/patwarden/v1/token_pb.js";
import { explain, meanings, type Step, stepsOfToken } from "../check/explain.js";
import type { Reason } from "../domain/reason.js";
import { CallError, connect } from "./client.js";
import { describeGrant, describeToken, reasonName } from "./describe.js";
import { refusedExitCode } from "./fail.js";
import { type Calling, configOption, readSecret, withConnection } from "./options.js";
import { elastic, facts, jsonOf, print, table, timeText } from "./output.js";
import { whoamiCaller } from "./whoami-caller.js";

interface CheckOptions extends Calling {
  readonly ip?: string;
  readonly fresh?: true;
}

interface WhyOptions extends CheckOptions {
  readonly config?: string;
}

const secretArgument = "the secret, or - to read it from stdin; other users can see arguments, for example with ps";

/** Adds `patwarden check`, `whoami` and `why`. Their calls are never billed. */
export function addCheckCommands(program: Command): void {
  const ip = ["--ip <address>", "client address of the holder's request; default: unknown"] as const;
  const fresh = ["--fresh", "ask OpenFGA with HIGHER_CONSISTENCY, past every cache of its answers"] as const;
  const commands = [
    program
      .command("check")
      .description("check whether a token allows an action on a resource; exit code 0: allowed, 2: not allowed")
      .argument("<token>", secretArgument)
      .argument("<action>", "such as viewer")
      .argument("<resource>", "such as document:roadmap")
      .option(...ip)
      .option(...fresh)
      .action(check),
    program
      .command("whoami")
      .description("show the token of a secret, or the caller of this command's key; exit code 2: not usable")
      .argument("[token]", `${secretArgument}; default: show who the key of this command belongs to`)
      .option(...ip)
      .action(whoami),
    program
      .command("why")
      .description("show each step of the decision, or why an issuer's access token is refused; exit code 2: refused")
      .argument("<token>", secretArgument)
      .argument("[action]", "such as viewer; without it, only the steps about the token are shown")
      .argument("[resource]", "such as document:roadmap")
      .option(...ip)
      .option(...fresh)
      .addOption(configOption())
      .action(why),
  ];
  for (const command of commands) withConnection(command);
}

async function check(token: string, action: string, resource: string, options: CheckOptions): Promise<void> {
  const decision = await ask(await readSecret(token), action, resource, options);
  const text = facts([
    ["allowed", decision.allowed ? "yes" : "no"],
    ["reason", `${reasonName(decision.reason)}: ${meaningOf(decision.reason)}`],
    ["subject", decision.subject],
    ["organization", decision.organization],
    ["token", decision.tokenId],
    ["ends", timeText(decision.expireTime)],
  ]);
  await print(options.json, jsonOf(CheckResponseSchema, decision), text);
  if (!decision.allowed) process.exitCode = refusedExitCode;
}

async function whoami(argument: string | undefined, options: CheckOptions): Promise<void> {
  if (argument === undefined) return whoamiCaller(options);
  const introspection = await introspect(await readSecret(argument), options);
  const { active, reason, token } = introspection;
  const text = token ? describeToken(token) : `usable: no, ${reasonName(reason)}: ${meaningOf(reason)}`;
  await print(options.json, jsonOf(IntrospectResponseSchema, introspection), text);
  if (!active) process.exitCode = refusedExitCode;
}

async function why(
  argument: string,
  action: string | undefined,
  resource: string | undefined,
  options: WhyOptions,
): Promise<void> {
  const secret = await readSecret(argument);
  if (/^[a-z][a-z0-9]*_svc_/.test(secret)) {
    throw new Error("that is a service key, not a token; pass a service key with --key-file");
  }
  // Header and claims of a JWT are JSON objects, so their base64url begins with eyJ.
  if (/^eyJ[\w-]+\.eyJ[\w-]+\./.test(secret)) {
    return (await import("./why-access-token.js")).whyAccessToken(secret, options);
  }
  if (action !== undefined && resource === undefined) throw new Error("an action needs a resource after it");
  const asked = action === undefined || resource === undefined ? undefined : { action, resource };
  const { reason, token, known } = asked
    ? await factsOfCheck(secret, asked.action, asked.resource, options)
    : await factsOfIntrospection(secret, options);
  const name = reasonName(reason) as Reason; // the enum of reason.proto has no other names
  const steps = explain(name, asked ? undefined : stepsOfToken);
  const noted = steps.map((step) => ({ ...step, note: noteOf(step, name, { token, known, asked, ip: options.ip }) }));
  const rows = noted.map(({ name: of, verdict, note }, index) => [String(index + 1), of, verdict, note]);
  const allowed = asked ? "allowed" : "the token is usable; add ACTION RESOURCE to check the other steps";
  const text = table(["", "STEP", "VERDICT", elastic("WHY")], rows);
  await print(
    options.json,
    { reason: name, steps: noted },
    `${text}\n${name === "ALLOWED" ? allowed : `refused: ${name}`}`,
  );
  if (name !== "ALLOWED") process.exitCode = refusedExitCode;
}

/** The facts for the notes: the token, if this key may read it, and its id and subject as text. */
interface Known {
  readonly reason: ReasonNumber;
  readonly token: Token | undefined;
  readonly known: string;
}

async function factsOfCheck(secret: string, action: string, resource: string, options: CheckOptions): Promise<Known> {
  const { reason, tokenId, subject } = await ask(secret, action, resource, options);
  const token =
    tokenId === ""
      ? undefined
      : await allowedOnly(async () => (await connect(TokenService, options).getToken({ id: tokenId })).token);
  return { reason, token, known: tokenId && `${tokenId} of ${subject}` };
}

async function factsOfIntrospection(secret: string, options: CheckOptions): Promise<Known> {
  const { reason, token } = await introspect(secret, options);
  return { reason, token, known: token ? `${token.id} of ${token.subject}` : "" };
}

/** Returns undefined when the key has no permission for the call: the notes are then shorter. */
async function allowedOnly<T>(call: () => Promise<T>): Promise<T | undefined> {
  try {
    return await call();
  } catch (error) {
    if (error instanceof CallError && (error.reason === "CALLER_FORBIDDEN" || error.reason === "NOT_FOUND"))
      return undefined;
    throw error;
  }
}

interface Noted {
  readonly token: Token | undefined;
  readonly known: string;
  readonly asked: { readonly action: string; readonly resource: string } | undefined;
  readonly ip: string | undefined;
}

function noteOf({ name, verdict }: Step, reason: Reason, noted: Noted): string {
  if (verdict === "not reached") return "";
  const refused = verdict === "refused";
  const parts = [refused ? `${reason}: ${meanings[reason]}` : "", factOf(name, reason, refused, noted)];
  return parts.filter((part) => part !== "").join("; ");
}

/** Returns the facts that the step has checked, or an empty text when they are not known here. */
function factOf(step: string, reason: Reason, refused: boolean, { token, known, asked, ip }: Noted): string {
  if (step === "record") return known;
  if (!token) return "";
  switch (step) {
    case "state and time":
      return refused ? "" : `ends ${timeText(token.expireTime) || "never"}`;
    case "network": {
      const ranges = token.allowedCidrs.join(", ");
      return ranges === "" && !refused
        ? "from anywhere"
        : `from ${ranges || "anywhere"}; address: ${ip ?? "unknown (set --ip)"}`;
    }
    case "grant":
      return describeGrant(token.grant);
    case "policy":
      return refused ? token.blockedBy.join(", ") : "";
    case "OpenFGA":
      if (!asked || reason === "NOT_A_MEMBER") return token.organization;
      return `${token.subject} is ${refused ? "not " : ""}${asked.action} of ${asked.resource}`;
    default:
      return "";
  }
}

function ask(token: string, action: string, resource: string, options: CheckOptions): Promise<CheckResponse> {
  if (action.includes(":") && !resource.includes(":")) {
    throw new Error(`the order is ACTION RESOURCE: patwarden check - ${resource} ${action}`);
  }
  return connect(AuthorizationService, options).check({
    ...{ token, action, resource },
    context: { clientIp: options.ip ?? "", usageUnits: 0 },
    consistency: options.fresh ? Consistency.HIGHER_CONSISTENCY : Consistency.MINIMIZE_LATENCY,
  });
}

function introspect(token: string, options: CheckOptions): Promise<IntrospectResponse> {
  return connect(AuthorizationService, options).introspect({ token, context: { clientIp: options.ip ?? "" } });
}

function meaningOf(reason: ReasonNumber): string {
  return meanings[reasonName(reason) as Reason]; // the enum of reason.proto has no other names
}
