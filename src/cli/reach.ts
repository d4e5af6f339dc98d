import { create } from "@bufbuild/protobuf";
import type { Command } from "commander";
import {
  type ExplainTokenResponse,
  ExplainTokenResponseSchema,
  type ListReachableRequest,
  ListReachableResponseSchema,
  SelfService,
  type Step,
  Step_Kind,
  Step_Result,
} from "#gen/patwarden/v1/self_pb.js";
import { meanings } from "../check/explain.js";
import type { Reason } from "../domain/reason.js";
import { connect, temporaryExitCode } from "./client.js";
import { reasonName } from "./describe.js";
import { refusedExitCode } from "./fail.js";
import type { Calling } from "./options.js";
import { elastic, jsonOf, nameOf, print, table, tell } from "./output.js";

interface ExplainOptions extends Calling {
  readonly resource?: string;
  readonly action?: string;
  readonly ip?: string;
}

/** Adds the options of `token explain` to its command. */
export function explainCommand(command: Command): Command {
  return command
    .option("--resource <resource>", "such as document:roadmap; without it, only the steps about the token are shown")
    .option("--action <action>", "such as viewer")
    .option("--ip <address>", "client address of the holder's request; default: unknown")
    .action(explainToken);
}

async function explainToken(tokenId: string, options: ExplainOptions): Promise<void> {
  const { resource = "", action = "", ip: clientIp = "" } = options;
  if ((resource === "") !== (action === "")) throw new Error("--resource and --action go together");
  const explanation = await connect(SelfService, options).explainToken({ tokenId, resource, action, clientIp });
  const { steps, reason } = explanation;
  const rows = steps.map((step, index) => [
    ...[String(index + 1), nameOf(Step_Kind, step.kind), nameOf(Step_Result, step.result).replaceAll("_", " ")],
    noteOf(step),
  ]);
  const text = table(["", "STEP", "RESULT", elastic("WHY")], rows);
  await print(
    options.json,
    jsonOf(ExplainTokenResponseSchema, explanation),
    `${text}\n${conclusionOf(explanation, resource !== "")}`,
  );
  if (reason === undefined && unanswered(explanation)) process.exitCode = temporaryExitCode;
  if (reason !== undefined && reasonName(reason) !== "ALLOWED") process.exitCode = refusedExitCode;
}

function unanswered({ steps }: ExplainTokenResponse): boolean {
  return steps.some(({ result }) => result === Step_Result.UNKNOWN);
}

function conclusionOf(explanation: ExplainTokenResponse, whole: boolean): string {
  if (explanation.reason !== undefined) {
    const name = reasonName(explanation.reason);
    return name === "ALLOWED" ? "a Check would allow it" : `a Check would answer ${name}`;
  }
  if (unanswered(explanation)) return "nobody knows what a Check would answer: try again";
  return whole ? "" : "no step refuses; add --action and --resource for the other steps";
}

function noteOf({ result, reason, blockedBy }: Step): string {
  if (result === Step_Result.UNKNOWN) return "OpenFGA did not answer";
  if (result !== Step_Result.REFUSED) return "";
  const name = reasonName(reason);
  const meaning = meanings[name as Reason]; // the enum of reason.proto has no other names
  return [`${name}: ${meaning}`, ...(blockedBy.length > 0 ? [`blocked by ${blockedBy.join(", ")}`] : [])].join("; ");
}

interface ReachOptions extends Calling {
  readonly type: string;
  readonly action: string;
  readonly query?: string;
}

/** Adds the options of `token reach` or `subject reach` to its command. `ofName` tells whom its argument names. */
export function reachCommand(command: Command, ofName: (name: string) => ListReachableRequest["of"]): Command {
  return command
    .requiredOption("--type <type>", "type of the resources, such as document")
    .requiredOption("--action <action>", "such as viewer")
    .option("--query <text>", "only resources whose id contains this text")
    .action((name: string, options: ReachOptions) => listReachable(ofName(name), options));
}

/** Prints all pages, one resource a line. */
async function listReachable(of: ListReachableRequest["of"], options: ReachOptions): Promise<void> {
  const client = connect(SelfService, options);
  const { type, action, query = "" } = options;
  const resources: string[] = [];
  let incomplete = false;
  let pageToken = "";
  do {
    const page = await client.listReachable({ of, type, action, query, pageToken, pageSize: 1000 });
    resources.push(...page.resources);
    incomplete ||= page.incomplete;
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
  const whole = create(ListReachableResponseSchema, { resources, incomplete });
  const text = resources.length > 0 ? resources.join("\n") : `no ${type}`;
  await print(options.json, jsonOf(ListReachableResponseSchema, whole), text);
  if (incomplete) tell("there may be more: OpenFGA ran out of time");
}
