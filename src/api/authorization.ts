import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { Timestamp } from "@bufbuild/protobuf/wkt";
import {
  type AuthorizationService,
  type BatchCheckItem,
  type BatchCheckRequest,
  BatchCheckResponseSchema,
  type BatchCheckResult,
  type CheckError,
  CheckErrorSchema,
  type CheckResponse,
  Consistency,
  IntrospectResponseSchema,
  ListResourcesResponseSchema,
  type RequestContext,
} from "#gen/patwarden/v1/authorization_pb.js";
import { Reason } from "#gen/patwarden/v1/reason_pb.js";
import { admitsSubject, ceilingsOf } from "../callers/caller.js";
import type { Authorizer, Decision, Verdict } from "../check/decision.js";
import { type ListResourcesOptions, listResources } from "../check/list-resources.js";
import { type CheckQuestion, parseQuestion, unknownAction, unknownType } from "../check/question.js";
import { bearerOf } from "../domain/bearer.js";
import type { Clock } from "../domain/clock.js";
import { Failure } from "../domain/errors.js";
import { type ActionName, parseAction, type SubjectName } from "../domain/identifier.js";
import { parseAddress } from "../domain/network.js";
import type { AuthorizationModel, Consistency as Freshness } from "../domain/permission-checker.js";
import { tokenIsValid } from "../domain/reason.js";
import { organizationOf } from "../domain/token.js";
import { codeOf } from "../transport/status.js";
import type { GuardedHandlers } from "./guard.js";
import { introspectedMessage } from "./token-message.js";
import { Violations } from "./violations.js";

const maxItems = 500;
const maxClaims = 32;

export interface AuthorizationServiceOptions {
  readonly authorizer: Authorizer;
  readonly resources: ListResourcesOptions;
  /** Throws OPENFGA_UNAVAILABLE until the model has been read once. */
  readonly model: () => AuthorizationModel;
  readonly clock: Clock;
}

/** Returns the handlers of AuthorizationService: they validate, ask the authorizer and render. They decide nothing. */
export function authorizationService({
  authorizer,
  resources,
  model,
  clock,
}: AuthorizationServiceOptions): GuardedHandlers<typeof AuthorizationService> {
  return {
    check(request, { call }) {
      if (request.claims.length > maxClaims) {
        throw new Failure("INVALID_FIELD", {
          violations: [{ field: "claims", description: `must have at most ${maxClaims} entries` }],
        });
      }
      const question = parseQuestion(
        {
          token: request.token,
          resource: request.resource,
          action: request.action,
          ...contextFields(request.context),
          consistency: freshness(request.consistency),
        },
        model(),
      );
      if (question instanceof Failure) throw question;
      const verdict = authorizer.check(question, call);
      return verdict instanceof Promise
        ? verdict.then((decided) => checkMessage(decided, request.claims))
        : checkMessage(verdict, request.claims);
    },

    async batchCheck(request, { call }) {
      const { length } = request.items;
      if (length === 0 || length > maxItems) {
        throw new Failure("INVALID_FIELD", {
          violations: [{ field: "items", description: `must have 1 to ${maxItems} entries` }],
        });
      }
      const pinned = model();
      const questions = request.items.map((item) => parseQuestion(itemQuestion(request, item), pinned));
      const sound = questions.filter((question): question is CheckQuestion => !(question instanceof Failure));
      const verdicts = (await authorizer.batchCheck(sound, call)).values();
      const response = create(BatchCheckResponseSchema);
      response.results = questions.map((question) =>
        resultMessage(question instanceof Failure ? question : (verdicts.next().value ?? new Failure("INTERNAL"))),
      );
      return response;
    },

    async *listResources(request, { call }) {
      const violations = new Violations();
      const { token, type } = request;
      if (token === "") violations.add("token", "is required");
      if (type === "") violations.add("type", "is required");
      const action = violations.take("action", parseAction(request.action));
      const clientIp = request.context?.clientIp ?? "";
      const clientAddress = clientIp === "" ? undefined : violations.take("context.client_ip", parseAddress(clientIp));
      const consistency = freshness(request.consistency);
      if (!consistency) violations.add("consistency", "is not a known value");
      const fields = violations.settle({ token, type, action, consistency });
      requireInModel(model(), type, fields.action);
      const listing = await listResources(resources, { ...fields, clientAddress }, call);
      if (listing instanceof Failure) throw listing;
      const { reason, pages } = listing;
      let head: MessageInitShape<typeof ListResourcesResponseSchema> = {
        reason: Reason[reason],
        tokenValid: tokenIsValid(reason),
      };
      for await (const page of pages) {
        yield create(ListResourcesResponseSchema, { ...head, ...page, resources: [...page.resources] });
        head = {};
      }
    },

    async introspect(request, { caller, call }) {
      const violations = new Violations();
      // When the caller is a Patwarden token, it can ask only about itself; an empty `token` means the caller.
      const own = caller.kind === "token" ? bearerOf(call.header("authorization")) : undefined;
      if (caller.kind === "token" && request.token !== "" && request.token !== own) {
        throw new Failure("CALLER_FORBIDDEN", { metadata: { permission: "introspect" } });
      }
      const token = own ?? request.token;
      if (token === "") violations.add("token", "is required");
      const clientIp = request.context?.clientIp ?? "";
      // When a token asks about itself, the address of the call is the client's.
      const seen = caller.kind === "token" ? caller.address : undefined;
      const address = clientIp === "" ? seen : violations.take("context.client_ip", parseAddress(clientIp));
      violations.settle({});
      const admits = (subject: SubjectName) => admitsSubject(ceilingsOf(caller), subject);
      const introspection = await authorizer.introspect(token, address, admits, call);
      if (introspection instanceof Failure) throw introspection;
      return create(IntrospectResponseSchema, {
        active: introspection.reason === "ALLOWED",
        reason: Reason[introspection.reason],
        ...(introspection.reason === "ALLOWED" && {
          token: introspectedMessage(introspection.snapshot, introspection.secret, clock.now()),
        }),
      });
    },
  };
}

function itemQuestion(request: BatchCheckRequest, item: BatchCheckItem): Parameters<typeof parseQuestion>[0] {
  return {
    token: item.token || request.token,
    resource: item.resource,
    action: item.action,
    ...contextFields(item.context ?? request.context),
    consistency: freshness(item.consistency || request.consistency),
  };
}

function contextFields(context: RequestContext | undefined) {
  return { clientIp: context?.clientIp ?? "", usageUnits: context?.usageUnits, usageId: context?.usageId ?? "" };
}

/** Throws UNKNOWN_TYPE or UNKNOWN_ACTION. */
export function requireInModel(model: AuthorizationModel, type: string, action: ActionName): void {
  const unknown = (reason: "UNKNOWN_TYPE" | "UNKNOWN_ACTION", field: string, description: string) =>
    new Failure(reason, { violations: [{ field, description }] });
  if (!model.hasType(type)) throw unknown("UNKNOWN_TYPE", "type", unknownType(type, model));
  if (!model.hasAction(type, action)) {
    throw unknown("UNKNOWN_ACTION", "action", unknownAction(type, action, model));
  }
}

/** Returns undefined for an unknown number: an unknown value must not silently become the weaker consistency. */
function freshness(consistency: Consistency): Freshness | undefined {
  switch (consistency) {
    case Consistency.UNSPECIFIED:
    case Consistency.MINIMIZE_LATENCY:
      return "minimize-latency";
    case Consistency.HIGHER_CONSISTENCY:
      return "higher";
    default:
      return undefined;
  }
}

function checkMessage(verdict: Verdict, claims: readonly string[]): CheckResponse {
  if (verdict instanceof Failure) throw verdict;
  return decisionMessage(verdict, claims);
}

function decisionMessage({ reason, token }: Decision, claims: readonly string[]): CheckResponse {
  // Built by hand: this runs on every Check, and `create` takes several times as long.
  const message: CheckResponse = {
    $typeName: "patwarden.v1.CheckResponse",
    allowed: reason === "ALLOWED",
    reason: Reason[reason],
    tokenValid: tokenIsValid(reason),
    subject: token?.subject ?? "",
    tokenId: token?.id ?? "",
    claims: {},
    organization: (token && organizationOf(token)) ?? "",
  };
  if (token?.expireMs !== undefined) message.expireTime = timestamp(token.expireMs);
  if (token && message.tokenValid && claims.length > 0) message.claims = chosenClaims(token.claims, claims);
  return message;
}

/** Converts a time in milliseconds since 1970; it must not be negative. */
function timestamp(ms: number): Timestamp {
  return {
    $typeName: "google.protobuf.Timestamp",
    seconds: BigInt(Math.floor(ms / 1_000)),
    nanos: (ms % 1_000) * 1_000_000,
  };
}

function chosenClaims(held: Readonly<Record<string, string>>, asked: readonly string[]): Record<string, string> {
  return Object.fromEntries(Object.entries(held).filter(([name]) => asked.includes("*") || asked.includes(name)));
}

function resultMessage(verdict: Verdict): BatchCheckResult {
  return {
    $typeName: "patwarden.v1.BatchCheckResult",
    result:
      verdict instanceof Failure
        ? { case: "error", value: errorMessage(verdict) }
        : { case: "decision", value: decisionMessage(verdict, []) },
  };
}

function errorMessage(failure: Failure): CheckError {
  const { reason, message } = failure;
  return create(CheckErrorSchema, { code: codeOf(failure), reason, message });
}
