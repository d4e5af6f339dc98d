import type { IncomingMessage, ServerResponse } from "node:http";
import { hasPermission } from "../../callers/authorize.js";
import { admitsSubject, type ServiceCaller } from "../../callers/caller.js";
import type { Services } from "../../callers/services.js";
import type { Authorizer } from "../../check/decision.js";
import { parseAttempt, parseQuestion, type RawAttempt } from "../../check/question.js";
import { Failure } from "../../domain/errors.js";
import { parseSubject, type SubjectTypes } from "../../domain/identifier.js";
import type { AuthorizationModel, PermissionChecker } from "../../domain/permission-checker.js";
import type { RateLimiter } from "../../domain/rate-limiter.js";
import { clientNameOf } from "../../transport/client-certificate.js";
import { RequestCutOff, type Route, send, sendJson } from "../../transport/route.js";
import { mediaTypeOf, readBody } from "../shared/body.js";
import { isThere, rawHeadersOf, theOnly } from "../shared/raw-headers.js";
import type { Mapping, RouteTable } from "../shared/route-table.js";
import {
  BadRequest,
  type Evaluation,
  type Evaluations,
  endsWith,
  parseEvaluation,
  parseEvaluations,
} from "./evaluation.js";
import { parseUniqueJson } from "./unique-json.js";

export interface AuthZenOptions {
  readonly services: Pick<Services, "find">;
  readonly authorizer: Pick<Authorizer, "check">;
  readonly permissions: PermissionChecker;
  /** Throws OPENFGA_UNAVAILABLE until the model has been read once. */
  readonly model: () => AuthorizationModel;
  readonly subjectTypes: SubjectTypes;
  readonly routes: RouteTable;
  /** The https URL under which the integration is reached. */
  readonly identifier: string;
  /** Limits each caller. Absent: any number of requests. */
  readonly limiter: Pick<RateLimiter, "waitMs"> | undefined;
  /** Called for each answer. Must not wait and not throw. */
  readonly onAnswer?: (answer: string) => void;
  /** Called with unexpected errors. */
  readonly onDefect?: (error: unknown) => void;
}

const evaluationPath = "/access/v1/evaluation";
const evaluationsPath = "/access/v1/evaluations";
const maxBytes = 256 * 1024;
const deadlineMs = 5_000;
/** Types of subjects whose id is a token. The profile for API gateways uses the second one. */
const tokenSubjects = ["access_token", "identity"];

/**
 * Returns the routes of the AuthZEN Authorization API 1.0, a policy decision point whose subjects are tokens. A denial
 * is a decision; without a decision the reply is an error.
 */
export function authZenRoutes(options: AuthZenOptions): readonly Route[] {
  const at = (path: string): string => `${options.identifier.replace(/\/$/, "")}${path}`;
  const configuration = JSON.stringify({
    policy_decision_point: options.identifier,
    access_evaluation_endpoint: at(evaluationPath),
    access_evaluations_endpoint: at(evaluationsPath),
  });
  return [
    { method: "POST", path: evaluationPath, handle: endpoint(options, evaluateOne) },
    { method: "POST", path: evaluationsPath, handle: endpoint(options, evaluateMany) },
    {
      method: "GET",
      path: "/.well-known/authzen-configuration",
      handle: (_request, response) => send(response, 200, "application/json", configuration, "public, max-age=300"),
    },
  ];
}

interface Decision {
  readonly decision: boolean;
}

type Evaluate = (asked: Asked, body: unknown) => Promise<Decision | { readonly evaluations: readonly Decision[] }>;

/** Decides evaluations for one caller, until one deadline. */
interface Asked {
  decide(evaluation: Evaluation): Promise<boolean>;
}

const evaluateOne: Evaluate = async (asked, body) => ({ decision: await asked.decide(parseEvaluation(body)) });

const evaluateMany: Evaluate = async (asked, body) => {
  const evaluations = parseEvaluations(body);
  return evaluations ? { evaluations: await decideEach(asked, evaluations) } : evaluateOne(asked, body);
};

/**
 * Decides all items at once when all are needed, so that they are batched; otherwise one after another, up to the item
 * that ends the evaluation.
 */
async function decideEach(asked: Asked, { items, semantic }: Evaluations): Promise<readonly Decision[]> {
  const decide = async (item: Evaluation | undefined): Promise<Decision> => ({
    decision: item !== undefined && (await asked.decide(item)),
  });
  if (semantic === "execute_all") return Promise.all(items.map(decide));
  const decisions: Decision[] = [];
  for (const item of items) {
    const decided = await decide(item);
    decisions.push(decided);
    if (endsWith(semantic, decided.decision)) break;
  }
  return decisions;
}

function endpoint(options: AuthZenOptions, evaluate: Evaluate): Route["handle"] {
  const run = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { limiter, onAnswer, onDefect } = options;
    const requestId = request.headers["x-request-id"];
    if (typeof requestId === "string") response.setHeader("x-request-id", requestId);
    try {
      const caller = callerOf(options, request);
      if (caller === undefined) {
        response.setHeader("www-authenticate", 'Bearer realm="patwarden"');
        refuse(response, 401, "a service key or client certificate is required");
        onAnswer?.("unauthenticated");
        return;
      }
      if (!hasPermission(caller, "check")) {
        refuse(response, 403, "the caller lacks the permission check");
        onAnswer?.("forbidden");
        return;
      }
      if (limiter && limiter.waitMs(caller.name) > 0) {
        response.setHeader("retry-after", "1");
        refuse(response, 429, "too many requests");
        onAnswer?.("limited");
        return;
      }
      const answer = await evaluate(askedBy(options, caller, response), await readJson(request));
      onAnswer?.("answered");
      sendJson(response, 200, answer);
    } catch (error) {
      if (error instanceof RequestCutOff) throw error;
      if (error instanceof BadRequest) {
        if (!request.complete) response.setHeader("connection", "close");
        refuse(response, 400, error.message);
        onAnswer?.("bad-request");
        return;
      }
      if (!(error instanceof Failure) || error.reason === "INTERNAL") onDefect?.(error);
      response.setHeader("retry-after", "1");
      refuse(response, 503, "no decision could be made");
      onAnswer?.("undecided");
    }
  };
  return run;
}

function callerOf({ services }: Pick<AuthZenOptions, "services">, request: IncomingMessage): ServiceCaller | undefined {
  const headers = rawHeadersOf(request);
  const authorization = isThere(headers, "authorization") ? (theOnly(headers, "authorization") ?? "") : undefined;
  return services.find(authorization, () => clientNameOf(request.socket));
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  // 400 and not 415 (AuthZEN 1.0 §10.1.5).
  if (mediaTypeOf(request) !== "application/json") throw new BadRequest("the body must be application/json");
  const text = await readBody(request, maxBytes);
  if (text === undefined) throw new BadRequest("the body must have at most 256 KiB");
  try {
    return parseUniqueJson(text);
  } catch {
    throw new BadRequest("the body must be JSON, and no object may have a key twice");
  }
}

function askedBy(options: AuthZenOptions, caller: ServiceCaller, response: ServerResponse): Asked {
  const { authorizer, permissions, model, subjectTypes, routes } = options;
  const callOptions = {
    deadline: performance.now() + deadlineMs,
    get cancelled() {
      return response.destroyed;
    },
  };
  return {
    async decide({ subject, action, resource, context }) {
      const asked = resource.type === "route" ? routed(routes, resource, action.name) : plain(resource, action.name);
      if (!asked) return false;
      const clientIp = typeof context["client_ip"] === "string" ? context["client_ip"] : "";
      const raw = { resource: asked.resource, action: asked.action, clientIp };
      return tokenSubjects.includes(subject.type) ? decideToken(subject.id, raw) : decideDirect(subject, raw);
    },
  };

  async function decideToken(token: string, raw: RawAttempt): Promise<boolean> {
    const fields = { ...raw, token, usageUnits: undefined, usageId: "", consistency: "minimize-latency" } as const;
    const question = parseQuestion(fields, model());
    // Types and actions that the model does not have are denied. If OpenFGA cannot be asked, the verdict is a Failure.
    if (question instanceof Failure) return false;
    const verdict = await authorizer.check(question, callOptions);
    if (verdict instanceof Failure) throw verdict;
    return verdict.reason === "ALLOWED";
  }

  async function decideDirect({ type, id }: Evaluation["subject"], raw: RawAttempt): Promise<boolean> {
    const attempt = parseAttempt(raw, model());
    if (attempt instanceof Failure || !hasPermission(caller, "check.direct")) return false;
    const subject = parseSubject(`${type}:${id}`, subjectTypes);
    if (!subject.ok || !admitsSubject(caller, subject.value.name)) return false;
    const [held] = await permissions.check(
      [{ ...attempt, subject: subject.value.name }],
      "minimize-latency",
      callOptions,
    );
    if (held instanceof Failure) throw held;
    return held === true;
  }
}

function plain({ type, id }: Evaluation["resource"], action: string): Asking {
  return { resource: `${type}:${id}`, action };
}

interface Asking {
  readonly resource: string;
  readonly action: string;
}

/**
 * Maps a question of an API gateway by method and path, as for proxies. The requested path is in `properties`; without
 * it, the id is the path.
 */
function routed(routes: RouteTable, { id, properties }: Evaluation["resource"], method: string): Mapping | undefined {
  const { path = id, host = "none" } = properties;
  return typeof path === "string" && typeof host === "string" ? routes.map({ method, host, target: path }) : undefined;
}

/** Errors are strings (AuthZEN 1.0 §10.1.4). */
function refuse(response: ServerResponse, status: number, message: string): void {
  send(response, status, "text/plain", message);
}
