import { create } from "@bufbuild/protobuf";
import type { Command } from "commander";
import { type ListReachableRequest, ListReachableResponseSchema, SelfService } from "#gen/patwarden/v1/self_pb.js";
import { connect } from "./client.js";
import type { Calling } from "./options.js";
import { jsonOf, print, tell } from "./output.js";
import { allPages } from "./pages.js";

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
  const request = { of, type, action, query, pageSize: 1000 };
  for await (const page of allPages((pageToken) => client.listReachable({ ...request, pageToken }))) {
    resources.push(...page.resources);
    incomplete ||= page.incomplete;
  }
  const whole = create(ListReachableResponseSchema, { resources, incomplete });
  const text = resources.length > 0 ? resources.join("\n") : `no ${type}`;
  await print(options.json, jsonOf(ListReachableResponseSchema, whole), text);
  if (incomplete) tell("there may be more: OpenFGA ran out of time");
}
