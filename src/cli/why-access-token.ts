import { existsSync } from "node:fs";
import { type TokenRefusal, tokenRefusals } from "../callers/oidc/access-token.js";
import { decodeAccessToken, explainRefusal } from "../callers/oidc/explain-access-token.js";
import { createOidcVerifier } from "../callers/oidc/oidc.js";
import { stepUpProblem } from "../callers/step-up.js";
import { defaultFile } from "../config/load.js";
import { readConfig } from "./config.js";
import { refusedExitCode } from "./fail.js";
import type { Printing } from "./options.js";
import { facts, print, timeText } from "./output.js";

export interface WhyAccessTokenOptions extends Printing {
  readonly config?: string;
}

/** Explains whether an issuer's access token is accepted. Users call Patwarden with it; it is not a Patwarden token. */
export async function whyAccessToken(token: string, { config: file, json }: WhyAccessTokenOptions): Promise<void> {
  const jwt = decodeAccessToken(token);
  if (!jwt) throw new Error("that looks like a JWT but cannot be decoded: was it cut off?");
  const { claims, header } = jwt;
  if (file === undefined && !existsSync(defaultFile)) {
    const told = ["iss", "aud", "sub", "client_id", "azp", "scope", "scp"].map((name) => [name, claims[name]] as const);
    const text = facts([
      ["verified", "no: without --config no issuer is trusted; the lines below are only what the token claims"],
      ...told.map(([name, value]) => [name, value === undefined ? undefined : JSON.stringify(value)] as const),
      ["iat", instant(claims.iat)],
      ["exp", instant(claims.exp)],
      ["header", `alg ${header.alg}, typ ${header.typ ?? "none"}, kid ${header.kid ?? "none"}`],
    ]);
    await print(json, { verified: false, header, claims }, text);
    return;
  }
  const { issuers, subjects } = readConfig(file);
  let refusal: TokenRefusal | undefined;
  let fetchFailure: unknown;
  const verifier = createOidcVerifier(issuers, {
    subjectTypes: subjects,
    onRefusal(reason) {
      refusal = reason;
    },
    onFetchFailure(_issuer, error) {
      fetchFailure = error;
    },
  });
  const user = await verifier.verify(token).catch((error: unknown) => {
    throw fetchFailure instanceof Error
      ? new Error(`cannot fetch the keys of ${claims.iss}: ${fetchFailure.message}`)
      : error;
  });
  if (user) {
    const { subject, issuer, admin, signIn } = user;
    const problem = stepUpProblem(signIn, new Date());
    const text = facts([
      ["accepted", "yes, to manage tokens; Check accepts only Patwarden's own secrets"],
      ["subject", subject],
      ["issuer", issuer],
      ["administrator", admin ? "yes" : "no"],
      ["signed in", timeText(signIn.authTime) || "unknown: no auth_time"],
      ["acr", signIn.acr],
      ["step-up", signIn.stepUp && (problem === undefined ? "done" : `needed: ${problem}`)],
      ["ends", timeText(signIn.endTime)],
    ]);
    await print(json, { accepted: true, subject, issuer, admin, ...signIn, stepUpProblem: problem }, text);
    return;
  }
  const reason = refusal ?? "not_a_signed_jwt";
  const detail = explainRefusal(reason, jwt, issuers, new Date());
  const text = facts([
    ["accepted", "no"],
    ["reason", `${reason}: ${tokenRefusals[reason]}`],
    ["detail", detail],
  ]);
  await print(json, { accepted: false, reason, detail }, text);
  process.exitCode = refusedExitCode;
}

function instant(seconds: number | undefined): string | undefined {
  return seconds === undefined || !Number.isFinite(seconds) ? undefined : timeText(new Date(seconds * 1000));
}
