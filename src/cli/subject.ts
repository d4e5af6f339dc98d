import { create } from "@bufbuild/protobuf";
import type { Command } from "commander";
import { type Organization, Organization_Right, OrganizationSchema, SelfService } from "#gen/patwarden/v1/self_pb.js";
import {
  ListSubjectsResponseSchema,
  type Subject,
  Subject_State,
  SubjectSchema,
  SubjectService,
} from "#gen/patwarden/v1/subject_pb.js";
import { connect } from "./client.js";
import { type Calling, repeatable, withConnection } from "./options.js";
import { elastic, facts, jsonOf, nameOf, print, table, tell, timeText } from "./output.js";
import { allPages } from "./pages.js";
import { reachCommand } from "./reach.js";

/** Adds `patwarden subject …`. */
export function addSubjectCommands(program: Command): void {
  const subject = program
    .command("subject")
    .description("disable, enable and delete the users and organizations that tokens act as");
  const command = (name: string, description: string) =>
    subject.command(name).argument("<subject>", "such as user:alice or organization:acme").description(description);
  const client = (options: Calling) => connect(SubjectService, options);
  command("show", "show a subject, and the number of tokens that would stop if it were disabled").action(
    async (name: string, options: Calling) =>
      show(options, (await client(options).getSubject({ subject: name })).subject),
  );
  subject
    .command("list")
    .description("list users and organizations that have tokens or were disabled or deleted, by name")
    .option("--prefix <text>", "only subjects whose name begins with this text, such as user:al")
    .addOption(repeatable("--state <state>", "only subjects in this state", Object.keys(stateNames)))
    .action(list);
  command("disable", "refuse all tokens of a subject until it is enabled").action(
    async (name: string, options: Calling) =>
      show(options, (await client(options).disableSubject({ subject: name })).subject),
  );
  command("enable", "accept the tokens of a subject again; a deleted subject can get new tokens").action(
    async (name: string, options: Calling) =>
      show(options, (await client(options).enableSubject({ subject: name })).subject),
  );
  command("delete", "revoke all tokens of a subject for good").action(async (name: string, options: Calling) =>
    show(options, (await client(options).deleteSubject({ subject: name })).subject),
  );
  subject
    .command("organizations")
    .argument("<subject>", "such as user:alice")
    .description("list the organizations of a user, with the user's rights there")
    .option("--query <text>", "only organizations whose id contains this text")
    .action(organizations);
  reachCommand(command("reach", "list the resources on which OpenFGA allows an action to a subject"), (name) => ({
    case: "subject",
    value: name,
  }));
  for (const each of subject.commands) withConnection(each);
}

interface ListOptions extends Calling {
  readonly prefix?: string;
  readonly state?: readonly (keyof typeof stateNames)[];
}

/** Prints all pages, with progress for long lists. */
async function list({ prefix = "", state = [], ...options }: ListOptions): Promise<void> {
  const client = connect(SubjectService, options);
  const subjects: Subject[] = [];
  const request = { prefix, states: state.map((each) => stateNames[each]), pageSize: 1000 };
  for await (const page of allPages((pageToken) => client.listSubjects({ ...request, pageToken }))) {
    subjects.push(...page.subjects);
    if (page.nextPageToken !== "") tell(`${subjects.length} subjects so far`);
  }
  const rows = subjects.map((each) => [
    ...[each.subject, nameOf(Subject_State, each.state), String(each.liveTokens)],
    timeText(each.updateTime) || "never",
  ]);
  const json = jsonOf(ListSubjectsResponseSchema, create(ListSubjectsResponseSchema, { subjects }));
  await print(options.json, json, table([elastic("SUBJECT"), "STATE", "TOKENS", "CHANGED"], rows));
}

async function organizations(subject: string, options: Calling & { readonly query?: string }): Promise<void> {
  const client = connect(SelfService, options);
  const found: Organization[] = [];
  let incomplete = false;
  const request = { subject, query: options.query ?? "", pageSize: 1000 };
  for await (const page of allPages((pageToken) => client.listOrganizations({ ...request, pageToken }))) {
    found.push(...page.organizations);
    incomplete ||= page.incomplete;
  }
  const rows = found.map(({ organization, member, rights }) => [
    organization,
    member ? "yes" : "no",
    rights.map((right) => nameOf(Organization_Right, right)).join(", "),
  ]);
  const result = { organizations: found.map((each) => jsonOf(OrganizationSchema, each)), incomplete };
  await print(options.json, result, table(["ORGANIZATION", "MEMBER", "RIGHTS"], rows));
  if (incomplete) tell("OpenFGA did not list all in time: there may be more");
}

const stateNames = {
  active: Subject_State.ACTIVE,
  disabled: Subject_State.DISABLED,
  deleted: Subject_State.DELETED,
} as const;

const states: Readonly<Record<number, string>> = {
  [Subject_State.ACTIVE]: "enabled",
  [Subject_State.DISABLED]: "disabled: its tokens are refused until it is enabled",
  [Subject_State.DELETED]: "deleted: its tokens are revoked",
};

async function show({ json }: Calling, subject: Subject | undefined): Promise<void> {
  if (!subject) return;
  const text = facts([
    ["subject", subject.subject],
    ["state", states[subject.state]],
    ["changed", timeText(subject.updateTime)],
    ["tokens", `${subject.liveTokens} neither ended nor expired`],
    ["generation", subject.generation > 1 ? `${subject.generation}: it was deleted and enabled again` : undefined],
  ]);
  await print(json, jsonOf(SubjectSchema, subject), text);
}
