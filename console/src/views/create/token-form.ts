import type { MessageInitShape } from "@bufbuild/protobuf";
import type { CreateTokenRequestSchema, Token } from "#gen/patwarden/v1/token_pb.js";
import type { FieldProblem } from "../../app/problem.js";
import { newRequestId } from "../../app/request-id.js";
import type { Expiry, LifetimeField } from "../form/expiry.js";
import { draftOf, emptyGrant, type GrantDraft, grantOf } from "../form/grant-draft.js";
import { parseNetworks } from "../form/networks.js";

/** The entries of a new token. Plain data without a secret, so that it can be kept over a sign-in. */
export interface TokenForm {
  readonly name: string;
  readonly description: string;
  readonly justification: string;
  /** Who the token acts as. */
  readonly subject: string;
  /** The organization that it is bound to. Empty: none. */
  readonly organization: string;
  readonly grant: GrantDraft;
  /** Undefined until the user chooses: the usual lifetime. */
  readonly expiry?: Expiry;
  /** One range a line. */
  readonly networks: string;
  readonly selfRotate: boolean;
  readonly metadata: Readonly<Record<string, string>>;
  /** The template that was chosen. Empty: none. */
  readonly template: string;
  /** The same for each attempt to send the form: a repeat never makes a second token. */
  readonly requestId: string;
}

export const emptyForm = (subject: string, organization = ""): TokenForm => ({
  name: "",
  description: "",
  justification: "",
  subject,
  organization,
  grant: emptyGrant,
  networks: "",
  selfRotate: false,
  metadata: {},
  template: "",
  requestId: newRequestId(),
});

/** Returns the form of a new token like another one. Its lifetime starts again. */
export const formLike = (token: Token): TokenForm => ({
  ...emptyForm(token.subject, token.organization),
  name: token.name,
  description: token.description,
  justification: token.justification,
  grant: draftOf(token.grant),
  networks: token.allowedCidrs.join("\n"),
  selfRotate: token.selfRotate,
  metadata: token.metadata,
  ...(token.neverExpires && { expiry: { kind: "never" as const } }),
});

/** Whether a new token like this one may be possible: nobody makes tokens that act as another user. */
export const canBeDuplicated = ({ subject }: Pick<Token, "subject">, caller: string): boolean =>
  subject === caller || subject.startsWith("organization:");

type Request = Extract<MessageInitShape<typeof CreateTokenRequestSchema>, { $typeName?: never }>;

/** Returns the request of a form. */
export function requestOf(form: TokenForm, lifetime: LifetimeField): Request {
  return {
    subject: form.subject,
    organization: form.organization,
    name: form.name.trim(),
    description: form.description.trim(),
    justification: form.justification.trim(),
    grant: grantOf(form.grant),
    lifetime,
    allowedCidrs: [...parseNetworks(form.networks)],
    selfRotate: form.selfRotate,
    metadata: { ...form.metadata },
    requestId: form.requestId,
  };
}

/** The fields of the form that show a refusal. */
export const formFields = [
  "name",
  "description",
  "justification",
  "owner",
  "grant",
  "expiry",
  "networks",
  "selfRotate",
] as const;
export type FormField = (typeof formFields)[number];

const prefixes: readonly (readonly [RegExp, FormField])[] = [
  [/^name\b/, "name"],
  [/^description\b/, "description"],
  [/^justification\b/, "justification"],
  [/^(subject|organization)\b/, "owner"],
  [/^grant\b/, "grant"],
  [/^(expire_time|ttl|never_expires|lifetime|not_before)\b/, "expiry"],
  [/^allowed_cidrs\b/, "networks"],
  [/^self_rotate\b/, "selfRotate"],
];

/** Returns the field of the form that shows a refusal. Undefined: none does. */
export const fieldOf = ({ field, limit }: Pick<FieldProblem, "field" | "limit">): FormField | undefined =>
  prefixes.find(([pattern]) => pattern.test(field.replace(/^token\./, "")))?.[1] ??
  (/lifetime|expiry/.test(limit)
    ? "expiry"
    : /action|full|grant/.test(limit)
      ? "grant"
      : /organization/.test(limit)
        ? "owner"
        : undefined);
