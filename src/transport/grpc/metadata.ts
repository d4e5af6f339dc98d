/** Milliseconds of the units of `grpc-timeout`. */
const unitMs: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 1e-3, n: 1e-6 };

/** Returns milliseconds; undefined for what is no `grpc-timeout`: one to eight digits and a unit. */
export function parseTimeout(value: string): number | undefined {
  const unit = unitMs[value.slice(-1)];
  const digits = value.slice(0, -1);
  return unit !== undefined && /^\d{1,8}$/.test(digits) ? Number(digits) * unit : undefined;
}

/** Returns the `grpc-timeout` of at least these milliseconds, in seconds when eight digits do not suffice. */
export function timeoutOf(ms: number): string {
  const whole = Math.max(1, Math.ceil(ms));
  if (whole < 1e8) return `${whole}m`;
  return `${Math.min(Math.ceil(whole / 1000), 99_999_999)}S`;
}

/** Whether a name says that its value is base64. */
export function isBinary(name: string): boolean {
  return name.endsWith("-bin");
}

/** Values with commas behind each, padded or not. Each part fails where it stands, so the time is that of reading. */
const binaryValues = /^(?:(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}(?:==)?|[A-Za-z0-9+/]{3}=?)?,)*$/;

/**
 * Whether each value in a `-bin` field is base64. Makes nothing of them: by HPACK, a request of 90 octets can refer to
 * fields with 20,000 values.
 */
export function isBase64(value: string): boolean {
  return binaryValues.test(`${value},`);
}

/** Returns base64 without padding, as gRPC asks of senders. */
export function encodeBinary(octets: Uint8Array): string {
  return Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength).toString("base64").replace(/=+$/, "");
}

/** The most octets of a status message. */
const maxMessageLength = 1_024;

/**
 * Returns the value of `grpc-message`: UTF-8 with `%XX` for all but printable ASCII. It is cut after 1 KiB, between two
 * characters.
 */
export function encodeMessage(message: string): string {
  if (message.length <= maxMessageLength && /^[ -$&-~]*$/.test(message)) return message;
  let encoded = "";
  let length = 0;
  // By code points; one that is half a pair becomes U+FFFD in UTF-8.
  for (const character of message) {
    const octets = Buffer.from(character, "utf8");
    length += octets.length;
    if (length > maxMessageLength) break;
    if (/^[ -$&-~]$/.test(character)) encoded += character;
    else for (const octet of octets) encoded += `%${octet.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return encoded;
}

/** Returns the text of `grpc-message`. What is not encoded well stays as it is. */
export function decodeMessage(value: string): string {
  if (!value.includes("%")) return value;
  const octets: number[] = [];
  for (let at = 0; at < value.length; at++) {
    const hex = value.slice(at + 1, at + 3);
    if (value[at] === "%" && /^[0-9A-Fa-f]{2}$/.test(hex)) {
      octets.push(Number.parseInt(hex, 16));
      at += 2;
    } else {
      octets.push(value.charCodeAt(at) & 0xff);
    }
  }
  return Buffer.from(octets).toString("utf8");
}
