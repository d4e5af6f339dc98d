import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs, timestampFromDate } from "@bufbuild/protobuf/wkt";
import {
  CatalogAction_Risk,
  type CatalogTemplateSchema,
  type CatalogTypeSchema,
  GetCallerResponseSchema,
  type GetCatalogRequest,
  GetCatalogResponseSchema,
  type GetCreationLimitsRequest,
  GetCreationLimitsResponseSchema,
  type ListOrganizationsRequest,
  ListOrganizationsResponseSchema,
  ListReachableResponseSchema,
  Organization_Right,
  type SelfService,
} from "#gen/patwarden/v1/self_pb.js";
import { actorOf, type Caller, ceilingsOf, type StepUp, viaOf } from "../callers/caller.js";
import type { Right } from "../callers/rights.js";
import { type Catalog, type GrantTemplate, type ListedType, textIn } from "../domain/catalog.js";
import { type Subject, type SubjectName, type SubjectTypes, typeOf } from "../domain/identifier.js";
import type { TokenStore } from "../domain/token-store.js";
import { subjectOr } from "../manage/rules/new-token.js";
import { catalogFor } from "../self/catalog.js";
import { type CreationLimitsOptions, creationLimits } from "../self/creation-limits.js";
import { type ExplainTokenOptions, explainToken } from "../self/explain-token.js";
import {
  type ListOrganizationsOptions,
  listOrganizations,
  type OrganizationsQuery,
} from "../self/list-organizations.js";
import { type ListReachableOptions, listReachable } from "../self/list-reachable.js";
import { explanationMessage, parseExplainToken } from "./explain-token.js";
import { checkQuery, takeOrganization, takeSubject } from "./fields.js";
import type { GuardedHandlers } from "./guard.js";
import { policyMessage } from "./policy.js";
import { parseListReachable } from "./reach.js";
import { grantMessage } from "./token-message.js";
import { Violations } from "./violations.js";

export interface SelfServiceOptions
  extends Omit<ListOrganizationsOptions & CreationLimitsOptions & ListReachableOptions & ExplainTokenOptions, "store"> {
  readonly store: Pick<TokenStore, "get" | "context">;
  readonly subjectTypes: SubjectTypes;
  /** `catalog` of the configuration. Undefined: there are no words. */
  readonly catalog: Catalog | undefined;
}

const noWords: Catalog = { types: {}, templates: [], snippets: [] };

/** Returns the handlers of SelfService. */
export function selfService(options: SelfServiceOptions): GuardedHandlers<typeof SelfService> {
  const { subjectTypes, model, catalog = noWords } = options;
  return {
    async getCaller(_request, { caller }) {
      return create(GetCallerResponseSchema, callerMessage(caller));
    },

    async listOrganizations(request, { caller, call }) {
      const query = parseListOrganizations(request, caller, subjectTypes);
      const { organizations, nextPageToken, incomplete } = await listOrganizations(options, caller, query, call);
      return create(ListOrganizationsResponseSchema, {
        organizations: organizations.map((each) => ({ ...each, rights: each.rights.map((right) => rights[right]) })),
        nextPageToken,
        incomplete,
      });
    },

    async getCatalog(request, { caller }) {
      const { subject, language } = parseGetCatalog(request, caller, subjectTypes);
      const { types, templates } = catalogFor(catalog, model(), typeOf(subject.name));
      return create(GetCatalogResponseSchema, {
        types: types.map((type) => typeMessage(type, language)),
        templates: templates.map((template) => templateMessage(template, language)),
        snippets: catalog.snippets.map(({ label, code }) => ({ label: textIn(label, language), code })),
      });
    },

    async getCreationLimits(request, { caller }) {
      const { subject, organization } = parseGetCreationLimits(request, caller, subjectTypes);
      const { policy, maxGrant, mayCreate } = await creationLimits(options, caller, subject, organization);
      return create(GetCreationLimitsResponseSchema, {
        limits: policyMessage("", policy, ""),
        ...(maxGrant && { maxGrant: grantMessage(maxGrant) }),
        mayCreate,
      });
    },

    async listReachable(request, { caller, call }) {
      const query = parseListReachable(request, caller, model, subjectTypes);
      const { resources, nextPageToken, incomplete } = await listReachable(options, caller, query, call);
      return create(ListReachableResponseSchema, { resources: [...resources], nextPageToken, incomplete });
    },

    async explainToken(request, { caller, call }) {
      const { id, question } = parseExplainToken(request, model);
      return explanationMessage(await explainToken(options, caller, id, question, call));
    },
  };
}

const rights: Readonly<Record<Right, Organization_Right>> = {
  read: Organization_Right.READ,
  create: Organization_Right.CREATE,
  approve: Organization_Right.APPROVE,
  revoke: Organization_Right.REVOKE,
  policy: Organization_Right.POLICY,
};

function callerMessage(caller: Caller): MessageInitShape<typeof GetCallerResponseSchema> {
  const { subjects = [] } = ceilingsOf(caller);
  const base = { caller: actorOf(caller), subjects: subjects.map(subjectsText) };
  if (caller.kind === "service") return { ...base, permissions: [...caller.permissions] };
  if (caller.kind === "token") return base;
  const { authTime, acr = "", displayName = "", endTime, stepUp } = caller.signIn ?? {};
  return {
    ...base,
    displayName,
    admin: caller.admin,
    via: viaOf(caller) ?? "",
    ...(authTime && { authTime: timestampFromDate(authTime) }),
    acr,
    ...(endTime && { sessionEndTime: timestampFromDate(endTime) }),
    ...(stepUp && { stepUp: stepUpMessage(stepUp) }),
  };
}

/** Returns an entry of `subjects` as the configuration has it: a prefix ends in a colon there. */
function subjectsText(scope: string): string {
  return scope.endsWith(":") ? `${scope}*` : scope;
}

function stepUpMessage({ maxAgeMs, acrValues }: StepUp) {
  return { ...(maxAgeMs !== undefined && { maxAge: durationFromMs(maxAgeMs) }), acrValues: [...acrValues] };
}

function parseListOrganizations(
  request: ListOrganizationsRequest,
  caller: Caller,
  subjectTypes: SubjectTypes,
): OrganizationsQuery {
  const violations = new Violations();
  const named = takeSubject(violations, "subject", request.subject, subjectTypes);
  if (named && named.kind !== "user") violations.add("subject", `must be of type ${subjectTypes.user}`);
  const { query, pageToken } = request;
  checkQuery(violations, query);
  const pageSize = violations.takePageSize(request.pageSize);
  violations.settle({});
  return { subject: subjectOr(caller, named), query, pageSize, pageToken };
}

const languageTag = /^[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8}){0,8}$/;

function parseGetCatalog(
  { subject, language }: GetCatalogRequest,
  caller: Caller,
  subjectTypes: SubjectTypes,
): { readonly subject: Subject; readonly language: string } {
  const violations = new Violations();
  const named = takeSubject(violations, "subject", subject, subjectTypes);
  if (language !== "" && !languageTag.test(language)) violations.add("language", "must be such as de or en-GB");
  violations.settle({});
  return { subject: subjectOr(caller, named), language };
}

function parseGetCreationLimits(
  request: GetCreationLimitsRequest,
  caller: Caller,
  subjectTypes: SubjectTypes,
): { readonly subject: Subject; readonly organization: SubjectName | undefined } {
  const violations = new Violations();
  const named = takeSubject(violations, "subject", request.subject, subjectTypes);
  const organization = takeOrganization(violations, request.organization, subjectTypes);
  violations.settle({});
  return { subject: subjectOr(caller, named), organization };
}

function typeMessage(
  { type, words, actions }: ListedType,
  language: string,
): MessageInitShape<typeof CatalogTypeSchema> {
  return {
    type,
    label: textIn(words?.label, language),
    description: textIn(words?.description, language),
    actions: actions.map(({ action, words }) => ({
      action,
      label: textIn(words?.label, language),
      description: textIn(words?.description, language),
      group: textIn(words?.group, language),
      risk: words?.risk ? risks[words.risk] : CatalogAction_Risk.UNSPECIFIED,
    })),
  };
}

const risks = {
  low: CatalogAction_Risk.LOW,
  medium: CatalogAction_Risk.MEDIUM,
  high: CatalogAction_Risk.HIGH,
} as const;

function templateMessage(
  { id, label, description, grant, ttlMs }: GrantTemplate,
  language: string,
): MessageInitShape<typeof CatalogTemplateSchema> {
  return {
    id,
    label: textIn(label, language),
    description: textIn(description, language),
    grant: grantMessage(grant),
    ...(ttlMs !== undefined && { ttl: durationFromMs(ttlMs) }),
  };
}
