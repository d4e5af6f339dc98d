import type { Socket } from "node:net";
import { type PeerCertificate, TLSSocket } from "node:tls";

/**
 * The name of the client at the other end of a connection; undefined without TLS, without a certificate that was
 * verified, or without a name in it.
 */
export function clientNameOf(socket: Socket): string | undefined {
  if (!(socket instanceof TLSSocket) || !socket.authorized) return undefined;
  const certificate = socket.getPeerX509Certificate();
  return certificate && nameIn(certificate.ca, certificate.subjectAltName);
}

/** The same of a certificate that was verified. Parsing its DER again would cost ten times as much. */
export function clientNameIn({
  ca,
  subjectaltname,
}: Pick<PeerCertificate, "ca" | "subjectaltname">): string | undefined {
  return nameIn(ca, subjectaltname);
}

// Each name has its kind in front and `, ` behind it. Node writes one that holds a quote, a comma or a control
// character as a JSON string, so that none can pass for two (CVE-2021-44532).
const alternativeName = /([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^",]*)(?:, |$)/g;

/**
 * The URI of a certificate for a workload: exactly one, and the certificate is no authority's (X.509-SVID §2, §5.2).
 * Other kinds of names beside it count for nothing, and the subject's common name never does.
 */
function nameIn(ca: boolean, names = ""): string | undefined {
  const entries = [...names.matchAll(alternativeName)];
  // Text that is not understood may hold anything.
  if (entries.map(([entry]) => entry).join("") !== names) return undefined;
  const uris = entries.flatMap(([, kind, value]) => (kind === "URI" ? [value] : []));
  return !ca && uris.length === 1 ? uris[0] : undefined;
}
