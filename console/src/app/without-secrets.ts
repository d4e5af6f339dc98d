// The form that src/domain/secret.ts gives to secrets. A wrong checksum is also a secret, mistyped.
const secret = /([a-z][a-z0-9]*_(?:pat|oat|svc)_)[0-9A-Za-z]{39,}([0-9A-Za-z]{4})/g;

/** Returns the text with each secret replaced by its hint, so that a pasted secret is never sent, nor in an address. */
export function withoutSecrets(text: string): string {
  return text.replaceAll(secret, "$1...$2");
}
