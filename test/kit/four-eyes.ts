/**
 * Who may approve and who may rotate, by the simplest reading of the whole history of a token: the oracle of the
 * four-eyes tests. The policy of these tokens requires approval.
 */

export const actKinds = [
  "make",
  "widen",
  "narrow",
  "rename",
  "rotate",
  "rotateWithGrace",
  "prolong",
  "suspend",
  "resume",
  "approve",
] as const;
export type ActKind = (typeof actKinds)[number];

/** A successful act: the person or service, and the service in between. */
export interface Act {
  readonly kind: ActKind;
  readonly names: readonly string[];
}

const widening: ReadonlySet<ActKind> = new Set(["widen", "prolong"]);
const showsSecret: ReadonlySet<ActKind> = new Set(["make", "rotate", "rotateWithGrace", "prolong"]);
const endsOldSecrets: ReadonlySet<ActKind> = new Set(["make", "rotate", "prolong"]);
const changesWhatIsSeen: ReadonlySet<ActKind> = new Set(["narrow", "rename"]);

/** Returns everybody who took part in what an approval would now cover. */
export function involvedIn(history: readonly Act[], subject: string): ReadonlySet<string> {
  const since = history.slice(history.findLastIndex(({ kind }) => kind === "approve") + 1);
  const waitsFrom = since.findIndex(({ kind }) => kind === "make" || widening.has(kind));
  const brought = since.filter(
    ({ kind }, index) =>
      widening.has(kind) ||
      showsSecret.has(kind) ||
      (changesWhatIsSeen.has(kind) && waitsFrom !== -1 && index > waitsFrom),
  );
  const holders = history
    .slice(history.findLastIndex(({ kind }) => endsOldSecrets.has(kind)))
    .filter(({ kind }) => showsSecret.has(kind));
  const makers = history.filter(({ kind }) => kind === "make");
  return new Set([subject, ...[...brought, ...holders, ...makers].flatMap(({ names }) => names)]);
}

/** Returns everybody who gave the approval that is in effect. */
export function approversIn(history: readonly Act[]): ReadonlySet<string> {
  const last = history.findLast(({ kind }) => kind === "approve" || widening.has(kind));
  return new Set(last?.kind === "approve" ? last.names : []);
}

export function isRotation(kind: ActKind): boolean {
  return kind !== "make" && showsSecret.has(kind);
}

/** Three people, directly and through services, and two services by themselves. */
export const hands: readonly (readonly string[])[] = [
  ["user:alice"],
  ["user:bob"],
  ["user:carol"],
  ["user:alice", "service:web"],
  ["user:bob", "service:web"],
  ["user:carol", "service:bot"],
  ["service:web"],
  ["service:bot"],
];
