import { isConfidential } from "../../domain/network.js";
import { fetchDocument } from "./fetch-document.js";

/**
 * Fetches the discovery document of an issuer (OpenID Connect Discovery §4). Throws when it cannot be fetched, or names
 * another issuer.
 */
export async function fetchDiscovery(issuer: string, signal: AbortSignal): Promise<Readonly<Record<string, unknown>>> {
  const document = await fetchDocument(`${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`, signal);
  if (document["issuer"] !== issuer)
    throw new Error(`the discovery document ${otherIssuer(document["issuer"], issuer)}`);
  return document;
}

/**
 * Returns the address under this key of a discovery document. Throws when it may not be used: only an issuer on
 * loopback may name one without TLS.
 */
export function addressIn(document: Readonly<Record<string, unknown>>, key: string, issuer: string): string {
  const address = document[key];
  if (typeof address === "string" && URL.canParse(address) && mayServe(new URL(address), issuer)) return address;
  throw new Error(`the discovery document has no ${key} that may be used; it must be an https: URL`);
}

/** Describes the issuer that a discovery document names. Text that cannot be an issuer is not repeated. */
function otherIssuer(named: unknown, issuer: string): string {
  if (typeof named !== "string" || !/^https?:\/\/[\x21-\x7e]{1,250}$/.test(named))
    return "names no issuer that can be used";
  const bare = (url: string): string => url.replace(/\/$/, "");
  const hint = bare(named) === bare(issuer) ? "; write the slash at the end as the document does" : "";
  return `names another issuer: it names ${named}, and issuers has ${issuer}${hint}`;
}

function mayServe(address: URL, issuer: string): boolean {
  const plain = (url: URL): boolean => url.protocol === "http:";
  return isConfidential(address) && (!plain(address) || plain(new URL(issuer)));
}
