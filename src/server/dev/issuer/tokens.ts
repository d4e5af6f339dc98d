import { createHash, createPrivateKey, createPublicKey, type KeyObject, randomUUID } from "node:crypto";
import { calculateJwkThumbprint, exportJWK, type JWK, type JWTPayload, SignJWT } from "jose";
import type { SignedIn } from "./codes.js";

/** The lifetime of tokens, seconds. */
export const lifetimeS = 3_600;

/** Signs the tokens of one issuer. */
export class TokenSigner {
  readonly #issuer: string;
  readonly #audience: string;
  readonly #key: KeyObject;
  /** The public key, as published. */
  readonly publicJwk: JWK & { readonly kid: string };

  private constructor(issuer: string, audience: string, key: KeyObject, publicJwk: JWK & { readonly kid: string }) {
    this.#issuer = issuer;
    this.#audience = audience;
    this.#key = key;
    this.publicJwk = publicJwk;
  }

  /**
   * @param audience `aud` of access tokens.
   * @param pem an RSA key, PKCS #8.
   */
  static async create(issuer: string, audience: string, pem: string): Promise<TokenSigner> {
    const key = createPrivateKey(pem);
    const jwk = await exportJWK(createPublicKey(key));
    const kid = await calculateJwkThumbprint(jwk);
    return new TokenSigner(issuer, audience, key, { ...jwk, kid, alg: "RS256", use: "sig" });
  }

  /** Returns the answer of the token endpoint: an access token for the API, and an ID token for the client. */
  async answer(signedIn: SignedIn): Promise<object> {
    const { request, person, authTime } = signedIn;
    const { client, nonce, scope } = request;
    const shared = { auth_time: authTime, acr: request.acr, name: person.name, roles: person.roles };
    const accessToken = await this.#sign("at+jwt", person.id, this.#audience, {
      ...shared,
      ...{ client_id: client.id, scope, jti: randomUUID() },
    });
    const idToken = await this.#sign("JWT", person.id, client.id, {
      ...shared,
      preferred_username: person.id,
      at_hash: createHash("sha256").update(accessToken).digest().subarray(0, 16).toString("base64url"),
      ...(nonce !== undefined && { nonce }),
    });
    return { access_token: accessToken, id_token: idToken, token_type: "Bearer", expires_in: lifetimeS, scope };
  }

  #sign(typ: string, subject: string, audience: string, claims: JWTPayload): Promise<string> {
    const now = Math.floor(Date.now() / 1000);
    return new SignJWT({ ...claims, iss: this.#issuer, sub: subject, aud: audience, iat: now, exp: now + lifetimeS })
      .setProtectedHeader({ alg: "RS256", typ, kid: this.publicJwk.kid })
      .sign(this.#key);
  }
}
