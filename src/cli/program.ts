import { Command, Help } from "commander";
import { redactText } from "../domain/redact.js";
import { addAuditListCommand } from "./audit-list.js";
import { addCheckCommands } from "./check.js";
import { crash, exitCodes, fail } from "./fail.js";
import { makePepper, makeServiceKey } from "./keys.js";
import { configOption, jsonOption, parseOrigin } from "./options.js";
import { writeNow } from "./output.js";
import { addPolicyCommands } from "./policy.js";
import { addSubjectCommands } from "./subject.js";
import { addTokenCommands } from "./token.js";
import { addUsageCommands } from "./usage.js";
import { version } from "./version.js";

// Commands that need a database or an OpenFGA client load them when they run, because loading takes a while. The other
// commands add themselves.
const program = new Command("patwarden")
  .configureOutput({ writeOut: writeNow, writeErr: (text) => process.stderr.write(redactText(text)) })
  .configureHelp({
    optionDescription(option) {
      const text = Help.prototype.optionDescription.call(this, option);
      return option.mandatory ? `${text} (required)` : text;
    },
  })
  .description(
    "Personal access tokens and API keys for your own API, with the OpenFGA permission decision in the same call.",
  )
  .version(version(), "-V, --version", "print the version")
  .addHelpText("after", exitCodes)
  .showHelpAfterError("(add --help for the options)");

program
  .command("serve")
  .description("run the service on PostgreSQL and an OpenFGA cluster")
  .addOption(configOption())
  .option("--check", "only check the configuration, database, OpenFGA and issuers; do not start the service", false)
  .action(async ({ check, ...options }: { readonly config?: string; readonly check: boolean }) =>
    check ? (await import("./serve-check.js")).checkServe(options) : (await import("./serve.js")).serve(options),
  );

program
  .command("migrate")
  .description("update the database schema; needs only `database` of the configuration")
  .addOption(configOption())
  .action(async (options) => (await import("./serve.js")).migrate(options));

program
  .command("dev")
  .description("run the service with an embedded database, OpenFGA and OpenID provider, to try it")
  .option("--ephemeral", "keep no data", false)
  .option("--directory <folder>", "where data and secrets are kept", ".patwarden")
  .option("--grpc <address>", "gRPC port; port 0 picks one", "127.0.0.1:9081")
  .option("--http <address>", "HTTP port; port 0 picks one", "127.0.0.1:9080")
  .option("--public-http <address>", "public HTTP port; port 0 picks one", "127.0.0.1:9083")
  .option("--console <address>", "page on which people create tokens; port 0 picks one", "127.0.0.1:9084")
  .option("--issuer <address>", "OpenID provider to sign in with; port 0 picks one", "127.0.0.1:9085")
  .option("--sample <address>", "sample of an API that takes tokens; port 0 picks one", "127.0.0.1:9086")
  .option(
    "--model <file>",
    "authorization model in OpenFGA's language (.fga); default: a model of documents and organizations",
  )
  .option(
    "--tuples <file>",
    "relationships, a JSON array of {user, relation, object, condition?}; default: those of the default model",
  )
  .option(
    "--examples",
    "create tokens with a past at the first start; needs the model and tuples of examples/direct",
    false,
  )
  .option("--ready-file <file>", "written when ready (mode 0600): addresses and keys as JSON")
  .action(async (options) => (await import("./dev.js")).dev(options));

addCheckCommands(program);
addTokenCommands(program);
addSubjectCommands(program);
addPolicyCommands(program);
addUsageCommands(program);

program
  .command("embed")
  .description("print the line of HTML by which a page loads the element for tokens from this server")
  .argument("<url>", "address of the public port or the console, as browsers reach it", parseOrigin)
  .addOption(jsonOption())
  .action(async (url, options) => (await import("./embed.js")).embed(url, options));

const keys = program
  .command("keys")
  .description("create and rotate keys, and count the secrets that depend on a pepper");

keys.command("pepper").description("create a pepper for tokens.peppers").addOption(jsonOption()).action(makePepper);

keys
  .command("service")
  .description("create a service key, and its hash for callers")
  .option("--brand <brand>", "first part of the key", "pw")
  .addOption(jsonOption())
  .action(makeServiceKey);

keys
  .command("peppers")
  .description(
    "count the secrets that may still be used, for each pepper version; a version without any can be removed",
  )
  .addOption(configOption())
  .addOption(jsonOption())
  .action(async (options) => (await import("./stored-keys.js")).countPeppers(options));

keys
  .command("rotate-signing")
  .description("publish the next key for signing JWTs; it is used once every verifier has had time to fetch it")
  .addOption(configOption())
  .option("--compromised", "withdraw all earlier keys and sign with the new one at once", false)
  .addOption(jsonOption())
  .action(async (options) => (await import("./stored-keys.js")).rotateSigning(options));

const audit = program.command("audit").description("list, verify and export the audit trail");

addAuditListCommand(audit);

audit
  .command("verify")
  .description("verify, in the database, that no event was changed, removed, moved or inserted")
  .addOption(configOption())
  .option("--checkpoint <file-or-line...>", "signed checkpoints of the log: a log file, or the line itself")
  .addOption(jsonOption())
  .action(async (options) => (await import("./audit.js")).verifyAudit(options));

audit
  .command("export")
  .description("print the trail of the database as NDJSON, in the order of the chain")
  .addOption(configOption())
  .option("--follow", "continue, and print new events as they come", false)
  .option("--from <position>", "position of the first event", "1")
  .option("--organization <organization>", "only events of this organization, its tokens and those bound to it")
  .action(async (options) => (await import("./audit.js")).exportAudit(options));

process.on("uncaughtException", crash);
// Without these listeners, an error of stdout or stderr would end the process as a defect. Each write to stdout handles
// its own error, and a stderr without a reader is no reason to end.
process.stdout.on("error", () => undefined);
process.stderr.on("error", () => undefined);

await program.parseAsync().catch(fail);
