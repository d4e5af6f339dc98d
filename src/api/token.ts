import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import {
  ApproveTokenResponseSchema,
  CreateTokenResponseSchema,
  DenyTokenResponseSchema,
  GetTokenResponseSchema,
  GetTokenSummaryResponseSchema,
  ListTokensResponseSchema,
  ResumeTokenResponseSchema,
  RevokedToken_Result,
  RevokeSecretResponseSchema,
  RevokeTokenResponseSchema,
  RevokeTokensResponseSchema,
  RotateTokenResponseSchema,
  SuspendTokenResponseSchema,
  type Token,
  type TokenService,
  UpdateTokenResponseSchema,
} from "#gen/patwarden/v1/token_pb.js";
import type { ManagingCaller } from "../callers/caller.js";
import type { SubjectTypes } from "../domain/identifier.js";
import type { TokenSnapshot, TokenStore } from "../domain/token-store.js";
import { approveToken, denyToken } from "../manage/approve-token.js";
import { type CreateTokenOptions, createToken } from "../manage/create-token.js";
import { getToken } from "../manage/get-token.js";
import { type ListTokensOptions, listTokens, summarizeTokens } from "../manage/list-tokens.js";
import { permittedOperations } from "../manage/permitted-operations.js";
import { revokeSecret } from "../manage/revoke-secret.js";
import { revokeToken } from "../manage/revoke-token.js";
import { revokeTokens } from "../manage/revoke-tokens.js";
import { rotateToken } from "../manage/rotate-token.js";
import { resumeToken, suspendToken } from "../manage/suspend-token.js";
import { updateToken } from "../manage/update-token.js";
import type { GuardedHandlers } from "./guard.js";
import { tokenMessage } from "./token-message.js";
import {
  parseApproveToken,
  parseCreateToken,
  parseGetToken,
  parseIdAndComment,
  parseRevokeSecret,
  parseRevokeToken,
  parseRotateToken,
  parseUpdateToken,
} from "./token-request.js";
import { parseGetTokenSummary, parseListTokens, parseRevokeTokens } from "./token-selection.js";

export interface TokenServiceOptions extends Omit<CreateTokenOptions, "store">, Omit<ListTokensOptions, "store"> {
  readonly store: TokenStore;
  readonly subjectTypes: SubjectTypes;
}

/** Returns the handlers of TokenService: they validate, run the use-case and render. */
export function tokenService(options: TokenServiceOptions): GuardedHandlers<typeof TokenService> {
  const { clock, subjectTypes } = options;
  const render = async (
    caller: ManagingCaller,
    snapshot: TokenSnapshot,
    rights = options.rights.remembering(),
  ): Promise<Token> => {
    const now = clock.now();
    return tokenMessage(snapshot, now, await permittedOperations(rights, caller, snapshot, now));
  };
  return {
    async createToken(request, { caller }) {
      const command = parseCreateToken(request, caller, subjectTypes);
      const { snapshot, secret } = await createToken(options, caller, command);
      // Nothing can be done with a token that was not created.
      const token = command.validateOnly ? tokenMessage(snapshot, clock.now(), []) : await render(caller, snapshot);
      return create(CreateTokenResponseSchema, { token, secret });
    },

    async getToken(request, { caller }) {
      const { id } = parseGetToken(request);
      return create(GetTokenResponseSchema, { token: await render(caller, await getToken(options, caller, id)) });
    },

    async listTokens(request, { caller }) {
      const { tokens, nextPageToken } = await listTokens(options, caller, parseListTokens(request, subjectTypes));
      const rights = options.rights.remembering();
      return create(ListTokensResponseSchema, {
        tokens: await Promise.all(tokens.map((token) => render(caller, token, rights))),
        nextPageToken,
      });
    },

    async getTokenSummary(request, { caller }) {
      const filter = parseGetTokenSummary(request, subjectTypes);
      const { states, ...counts } = await summarizeTokens(options, caller, filter);
      return create(GetTokenSummaryResponseSchema, {
        ...counts,
        active: states.ACTIVE,
        pendingApproval: states.PENDING_APPROVAL,
        suspended: states.SUSPENDED,
        expired: states.EXPIRED,
        revoked: states.REVOKED + states.DENIED,
      });
    },

    async updateToken(request, { caller }) {
      const updated = await updateToken(options, caller, parseUpdateToken(request));
      return create(UpdateTokenResponseSchema, { token: await render(caller, updated) });
    },

    async rotateToken(request, { caller }) {
      const { id, ...command } = parseRotateToken(request, caller);
      const { snapshot, secret } = await rotateToken(options, caller, id, command);
      return create(RotateTokenResponseSchema, { token: await render(caller, snapshot), secret });
    },

    async revokeToken(request, { caller }) {
      const { id, reason } = parseRevokeToken(request, caller);
      const snapshot = await revokeToken(options, caller, id, reason);
      // No more JWTs are made for a revoked token, so this time is final.
      const { residualUntil: until } = snapshot;
      return create(RevokeTokenResponseSchema, {
        token: await render(caller, snapshot),
        ...(until && until > clock.now() && { residualUntil: timestampFromDate(until) }),
      });
    },

    async revokeSecret(request, { caller }) {
      const { id, secretId } = parseRevokeSecret(request);
      return create(RevokeSecretResponseSchema, {
        token: await render(caller, await revokeSecret(options, caller, id, secretId)),
      });
    },

    async revokeTokens(request, { caller }) {
      const command = parseRevokeTokens(request, subjectTypes);
      const { count, results, residualUntil: until } = await revokeTokens(options, caller, command);
      return create(RevokeTokensResponseSchema, {
        count,
        results: results.map(({ id, result }) => ({ id, result: RevokedToken_Result[result] })),
        ...(until && { residualUntil: timestampFromDate(until) }),
      });
    },

    async suspendToken(request, { caller }) {
      const { id, comment } = parseIdAndComment(request);
      return create(SuspendTokenResponseSchema, {
        token: await render(caller, await suspendToken(options, caller, id, comment)),
      });
    },

    async resumeToken(request, { caller }) {
      const { id, comment } = parseIdAndComment(request);
      return create(ResumeTokenResponseSchema, {
        token: await render(caller, await resumeToken(options, caller, id, comment)),
      });
    },

    async approveToken(request, { caller }) {
      const { id, comment, etag } = parseApproveToken(request);
      const approved = await approveToken(options, caller, id, { etag, comment });
      return create(ApproveTokenResponseSchema, { token: await render(caller, approved) });
    },

    async denyToken(request, { caller }) {
      const { id, comment } = parseIdAndComment(request);
      return create(DenyTokenResponseSchema, {
        token: await render(caller, await denyToken(options, caller, id, comment)),
      });
    },
  };
}
