import type { Socket } from "node:net";
import { type PeerCertificate, TLSSocket } from "node:tls";

/**
 * Returns the name of the client of a connection; undefined without TLS, without a verified certificate, or without a
 * name in it.
 */
export function clientNameOf(socket: Socket): string | undefined {
  if (!(socket instanceof TLSSocket) || !socket.authorized) return undefined;
  const certificate = socket.getPeerX509Certificate();
  return certificate && nameIn(certificate.ca, certificate.subjectAltName);
}

/** Returns the name in a verified certificate. Parsing its DER again would cost ten times as much. */
export function clientNameIn({
  ca,
  subjectaltname,
}: Pick<PeerCertificate, "ca" | "subjectaltname">): string | undefined {
  return nameIn(ca, subjectaltname);
}

// Each name starts with its kind and ends with `, `. Node writes a name that holds a quote, a comma or a control
// character as a JSON string, so that no name can look like two (CVE-2021-44532).
const alternativeName = /([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^",]*)(?:, |$)/g;

/**
 * Returns the URI of a certificate for a workload: it must have exactly one URI and must not be an authority's
 * (X.509-SVID §2, §5.2). Other kinds of names are ignored, and so is the subject's common name.
 */
function nameIn(ca: boolean, names = ""): string | undefined {
  const entries = [...names.matchAll(alternativeName)];
  // Text that cannot be parsed may hold anything.
  if (entries.map(([entry]) => entry).join("") !== names) return undefined;
  const uris = entries.flatMap(([, kind, value]) => (kind === "URI" ? [value] : []));
  return !ca && uris.length === 1 ? uris[0] : undefined;
}
