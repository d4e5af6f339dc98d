import type { DescMessage, DescMethodUnary, MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs, timestampFromDate } from "@bufbuild/protobuf/wkt";
import { AuthorizationService } from "#gen/patwarden/v1/authorization_pb.js";
import { type PolicySchema, PolicyService } from "#gen/patwarden/v1/policy_pb.js";
import { Reason } from "#gen/patwarden/v1/reason_pb.js";
import { SubjectService } from "#gen/patwarden/v1/subject_pb.js";
import { type CreateTokenResponse, TokenService } from "#gen/patwarden/v1/token_pb.js";
import type { Port } from "../kit/ports.js";
import { succeed, until } from "./ask.js";

const { createToken, denyToken, revokeToken, rotateToken, suspendToken } = TokenService.method;

/** A token as vectors name it. */
export interface NamedToken {
  readonly secret: string;
  readonly id: string;
  readonly subject: string;
  /** The Basic credentials with the secret as the password. */
  readonly basic: string;
}

/** The request_id that `alice` was created with. */
export const usedRequestId = "0f3c8f2e-5d0e-4a6b-9a52-3f1f0c0a7d11";

const dayMs = 86_400_000;

/** A message as a literal. */
type Init<S extends DescMessage> = Exclude<MessageInitShape<S>, { readonly $typeName: string }>;

/**
 * A token in every state that a token can be in, by the alias that vectors use. `administrator` must hold every
 * permission; `leave` ends the membership of user:dave in organization:acme.
 */
export async function makeTokens(
  administrator: Port,
  leave: () => Promise<void>,
): Promise<Readonly<Record<string, NamedToken>>> {
  const call = <I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageInitShape<I>,
  ) => succeed(administrator, method, request);
  const tokens: Record<string, NamedToken> = {};
  const name = (alias: string, { token, secret }: Pick<CreateTokenResponse, "token" | "secret">): NamedToken => {
    if (!token) throw new Error(`no token came for ${alias}`);
    const basic = Buffer.from(`token:${secret}`).toString("base64");
    const named = { secret, id: token.id, subject: token.subject, basic };
    tokens[alias] = named;
    return named;
  };
  const make = async (alias: string, wish: Init<typeof createToken.input>): Promise<NamedToken> =>
    name(alias, await call(createToken, { name: alias, ...wish }));
  const limit = (scope: string, policy: Init<typeof PolicySchema>) =>
    call(PolicyService.method.updatePolicy, {
      policy: { ...policy, scope },
      updateMask: {
        paths: Object.keys(policy).map((field) => field.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)),
      },
    });
  const alice = { subject: "user:alice", grant: { full: true } };
  const viewing = { rules: [{ actions: ["viewer"], resources: ["document:*"] }] };

  // Usable tokens.
  await make("alice", { ...alice, claims: { plan: "gold", region: "eu" }, requestId: usedRequestId });
  await make("alice_reader", { ...alice, grant: viewing });
  await make("alice_for_acme", { ...alice, organization: "organization:acme" });
  await make("alice_for_ever", { ...alice, lifetime: { case: "neverExpires", value: true } });
  await make("alice_powerless", { subject: "user:alice" });
  await make("alice_at_office", { ...alice, allowedCidrs: ["192.0.2.0/24", "2001:db8::/32"] });
  await make("bob", { subject: "user:bob", grant: { full: true } });
  await make("acme", { subject: "organization:acme", grant: { full: true } });
  await make("librarian", { subject: "user:librarian", grant: { full: true } });

  // Refused because of the token's state.
  const expired = await make("expired", { ...alice, lifetime: { case: "ttl", value: { seconds: 1n } } });
  const inAYear = timestampFromDate(new Date(Date.now() + 365 * dayMs));
  await make("not_yet_valid", { ...alice, notBefore: inAYear, lifetime: { case: "neverExpires", value: true } });
  const revoked = await make("revoked", alice);
  await call(revokeToken, { id: revoked.id });
  const suspended = await make("suspended", alice);
  await call(suspendToken, { id: suspended.id });
  const rotated = await make("superseded", alice);
  name("rotated", await call(rotateToken, { id: rotated.id }));
  const inGrace = await make("in_grace", alice);
  name("rotated_with_grace", await call(rotateToken, { id: inGrace.id, grace: durationFromMs(7 * dayMs) }));

  // Refused because of the subject's state.
  await make("subject_disabled", { subject: "user:erin", grant: { full: true } });
  await call(SubjectService.method.disableSubject, { subject: "user:erin" });
  await make("organization_disabled", { subject: "organization:hooli", grant: { full: true } });
  await call(SubjectService.method.disableSubject, { subject: "organization:hooli" });
  await make("subject_deleted", { subject: "user:frank", grant: { full: true } });
  await call(SubjectService.method.deleteSubject, { subject: "user:frank" });
  await make("no_member", { subject: "user:dave", organization: "organization:acme", grant: { full: true } });
  await leave();

  // Refused because of a policy.
  await make("blocked", { subject: "organization:initech", grant: { full: true } });
  await limit("organization:initech", { blockAll: true });
  await make("viewers_only", { subject: "organization:globex", grant: { full: true } });
  await limit("organization:globex", { allowedActions: ["viewer"] });
  await limit("organization:umbrella", { requireApproval: true, maxLifetime: durationFromMs(30 * dayMs) });
  await make("pending", { subject: "organization:umbrella", grant: { full: true } });
  const denied = await make("denied", { subject: "organization:umbrella", grant: { full: true } });
  await call(denyToken, { id: denied.id });

  await until("the token that lives for a second has expired", async () => {
    const question = { token: expired.secret, resource: "document:roadmap", action: "viewer" };
    return (await call(AuthorizationService.method.check, question)).reason === Reason.TOKEN_EXPIRED;
  });
  return tokens;
}
