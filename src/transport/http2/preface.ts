/** The octets that a client sends first (RFC 9113 §3.4). */
export const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");

/** The first octets of an HTTP/1 request: a method and what follows it. */
const http1Methods = ["GET ", "HEAD", "POST", "PUT ", "OPTI", "DELE", "PATC", "CONN", "TRAC"];

/** The protocol of a connection, as far as its first octets tell: `tls` is a ClientHello. */
export type Beginning = "http2" | "http1" | "tls" | "other" | "unknown";

export function beginningOf(octets: Buffer): Beginning {
  if (octets.length >= 2 && octets[0] === 0x16 && octets[1] === 0x03) return "tls";
  if (
    octets.compare(preface, 0, Math.min(octets.length, preface.length), 0, Math.min(octets.length, preface.length)) ===
    0
  ) {
    return octets.length >= preface.length ? "http2" : "unknown";
  }
  const text = octets.toString("latin1", 0, 4);
  if (text.length < 4 && [...http1Methods, "\x16\x03"].some((method) => method.startsWith(text))) return "unknown";
  return http1Methods.includes(text) ? "http1" : "other";
}
