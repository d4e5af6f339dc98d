import type { Command } from "commander";
import {
  type ExplainTokenResponse,
  ExplainTokenResponseSchema,
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
import { elastic, jsonOf, nameOf, print, table } from "./output.js";

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
