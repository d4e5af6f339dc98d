import { create } from "@bufbuild/protobuf";
import {
  CreateTokenResponseSchema,
  GetTokenResponseSchema,
  ListTokensResponseSchema,
  RevokeTokenResponseSchema,
  type Token,
  type TokenService,
} from "#gen/patwarden/v1/token_pb.js";
import type { SubjectTypes } from "../identifier/identifier.js";
import { type CreateTokenOptions, createToken } from "../manage/create-token.js";
import { getToken } from "../manage/get-token.js";
import { type ListTokensOptions, listTokens } from "../manage/list-tokens.js";
import { revokeToken } from "../manage/revoke-token.js";
import type { TokenStore } from "../store/token-store.js";
import type { TokenWithSecrets } from "../token/token.js";
import type { GuardedHandlers } from "./guard.js";
import { tokenMessage } from "./token-message.js";
import { parseCreateToken, parseGetToken, parseListTokens, parseRevokeToken } from "./token-request.js";

export interface TokenServiceOptions extends Omit<CreateTokenOptions, "store">, Omit<ListTokensOptions, "store"> {
  readonly store: TokenStore;
  readonly subjectTypes: SubjectTypes;
}

/** Handlers of TokenService: validate, run the use-case, render. */
export function tokenService(options: TokenServiceOptions): GuardedHandlers<typeof TokenService> {
  const { store, clock, subjectTypes } = options;
  const render = (token: TokenWithSecrets): Token =>
    tokenMessage(token, token.secrets, clock.now(), { metadata: true });
  return {
    async createToken(request, { caller }) {
      const { token, secret } = await createToken(options, caller, parseCreateToken(request, subjectTypes));
      return create(CreateTokenResponseSchema, { token: render(token), secret });
    },

    async getToken(request, { caller }) {
      const { id } = parseGetToken(request);
      return create(GetTokenResponseSchema, { token: render(await getToken(store, caller, id)) });
    },

    async listTokens(request, { caller }) {
      const { tokens, nextPageToken } = await listTokens(options, caller, parseListTokens(request, subjectTypes));
      return create(ListTokensResponseSchema, { tokens: tokens.map(render), nextPageToken });
    },

    async revokeToken(request, { caller }) {
      const { id, reason } = parseRevokeToken(request);
      const token = await revokeToken(options, caller, id, reason);
      return create(RevokeTokenResponseSchema, { token: render(token) });
    },
  };
}
