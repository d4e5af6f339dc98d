import type { SubjectTypes } from "../domain/identifier.js";
import type { Document } from "./document.js";
import { subjects } from "./subjects.js";

/** Values that the checks of other sections need. */
export interface OtherSections {
  /** The types of `subjects`. */
  readonly subjectTypes: SubjectTypes;
  /** `integrations.oauth.issuer`. */
  readonly ownIssuer: string | undefined;
  /** `integrations.oauth.exchange.audiences`. */
  readonly exchangeAudiences: readonly string[];
  /** `dangerously_disable_caller_authentication`. */
  readonly authenticationDisabled: boolean;
  /** `issuer` of each entry of `issuers`. */
  readonly issuers: readonly string[];
  /** Whether `grpc` or `http` has a `tls.client_ca`. */
  readonly certificatesAsked: boolean;
}

/**
 * Reads these values from a document that is not checked yet. For an invalid value, its own section reports the
 * problem, and the default is used here.
 */
export function otherSections(document: Document): OtherSections {
  const types = subjects.safeParse(document["subjects"] ?? {}).data ?? subjects.parse({});
  const { issuer, exchange } = Object(Object(document["integrations"]).oauth);
  const { audiences } = Object(exchange);
  const { issuers } = document;
  return {
    subjectTypes: { user: types.user, organization: types.organization },
    ownIssuer: typeof issuer === "string" ? issuer : undefined,
    exchangeAudiences: Array.isArray(audiences) ? audiences.filter((each) => typeof each === "string") : [],
    authenticationDisabled: document["dangerously_disable_caller_authentication"] === true,
    issuers: Array.isArray(issuers) ? issuers.map((entry) => String(Object(entry).issuer)) : [],
    certificatesAsked: ["grpc", "http"].some((port) => Object.hasOwn(Object(Object(document[port]).tls), "client_ca")),
  };
}
