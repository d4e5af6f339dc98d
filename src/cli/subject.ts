import { timestampDate } from "@bufbuild/protobuf/wkt";
import { Command } from "commander";
import { type Subject, Subject_State, SubjectSchema, SubjectService } from "#gen/patwarden/v1/subject_pb.js";
import { type Connection, connect } from "./client.js";
import { jsonOf, print, writeNow } from "./output.js";
import { facts } from "./table.js";
import { withConnection } from "./token.js";

type Options = Connection & { readonly json: boolean };

/** `patwarden subject …`. */
export function subjectCommand(): Command {
  const command = new Command("subject")
    .configureOutput({ writeOut: writeNow })
    .description("disable, enable and delete the users and organizations that tokens act as");
  const one = (name: string, description: string) =>
    withConnection(command.command(`${name} <subject>`)).description(description);
  one("show", "show a subject, and how many tokens its removal would stop").action(
    async (subject: string, options: Options) =>
      shown(options, (await connect(SubjectService, options).getSubject({ subject })).subject),
  );
  one("disable", "refuse all its tokens until it is enabled").action(async (subject: string, options: Options) =>
    shown(options, (await connect(SubjectService, options).disableSubject({ subject })).subject),
  );
  one("enable", "let its tokens work again; a deleted subject can have new ones").action(
    async (subject: string, options: Options) =>
      shown(options, (await connect(SubjectService, options).enableSubject({ subject })).subject),
  );
  one("delete", "revoke all its tokens for good").action(async (subject: string, options: Options) =>
    shown(options, (await connect(SubjectService, options).deleteSubject({ subject })).subject),
  );
  return command;
}

async function shown({ json }: Options, subject: Subject | undefined): Promise<void> {
  if (!subject) return;
  const state = Object.entries(Subject_State)
    .find(([, value]) => value === subject.state)?.[0]
    .toLowerCase();
  const text = facts([
    ["subject", subject.subject],
    ["state", state],
    ["changed", subject.updateTime && timestampDate(subject.updateTime).toISOString()],
    ["live tokens", String(subject.liveTokens)],
    ["generation", String(subject.generation)],
  ]);
  await print(json, jsonOf(SubjectSchema, subject), text);
}
