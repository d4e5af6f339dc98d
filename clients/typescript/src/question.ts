import type { CallOptions } from "./channel.js";
import { Consistency as ConsistencyEnum } from "./gen/patwarden/v1/authorization_pb.js";
import { type Secret, textOf } from "./secret.js";

/** What a backend knows about the request that it is serving. */
export interface RequestContext {
  /** The bearer's address, IPv4 or IPv6 without port. Without it a token that is limited to networks is refused. */
  readonly clientIp?: string | undefined;
  /** What the request is billed when it is allowed, 0 to 1,000,000; 0: it is not billed. Default 1. */
  readonly usageUnits?: number | undefined;
  /** Id of the request that is billed, up to 128 visible ASCII characters: only the first of 24 hours under one id is. Default: each is. */
  readonly usageId?: string | undefined;
}

/** How fresh the answer must be: from OpenFGA's caches, where the operator switched them on, or past every cache. */
export type Consistency = Exclude<keyof typeof ConsistencyEnum, "UNSPECIFIED">;

/** Options of one check. */
export interface CheckOptions extends CallOptions {
  readonly context?: RequestContext | undefined;
  /** Default: `MINIMIZE_LATENCY`. */
  readonly consistency?: Consistency | undefined;
  /** Names of the token's claims wanted back, at most 32; `*` alone means all. A check that asks for some is never coalesced. Default none. */
  readonly claims?: readonly string[] | undefined;
}

/** One check of many. */
export interface CheckItem {
  readonly token: string | Secret;
  /** `type:id`, as `document:roadmap`. */
  readonly resource: string;
  /** A relation of the resource's type, as `viewer`. */
  readonly action: string;
  readonly context?: RequestContext | undefined;
  /** Default: `MINIMIZE_LATENCY`. */
  readonly consistency?: Consistency | undefined;
}

/** Fields that CheckRequest and BatchCheckItem have in common. */
export interface Question {
  readonly token: string;
  readonly resource: string;
  readonly action: string;
  readonly consistency: ConsistencyEnum;
  readonly context?: { readonly clientIp: string; readonly usageUnits?: number; readonly usageId: string };
}

/** Throws TypeError for what a message cannot hold: it would fail a batch as a whole, and so the checks of others. */
export function questionOf({ token, resource, action, context, consistency }: CheckItem): Question {
  return {
    token: textOf(token),
    resource: requireText(resource, "resource"),
    action: requireText(action, "action"),
    consistency: consistency === undefined ? ConsistencyEnum.UNSPECIFIED : consistencyOf(consistency),
    ...(context && { context: contextOf(context) }),
  };
}

export function contextOf({ clientIp = "", usageUnits, usageId = "" }: RequestContext): {
  readonly clientIp: string;
  readonly usageUnits?: number;
  readonly usageId: string;
} {
  if (usageUnits !== undefined && (usageUnits | 0) !== usageUnits) {
    throw new TypeError("context.usageUnits must be an integer");
  }
  return {
    clientIp: requireText(clientIp, "context.clientIp"),
    ...(usageUnits !== undefined && { usageUnits }),
    usageId: requireText(usageId, "context.usageId"),
  };
}

/** A wish that is not known must not quietly become the weaker one. */
export function consistencyOf(name: Consistency): ConsistencyEnum {
  const value: ConsistencyEnum | undefined = ConsistencyEnum[name];
  if (value === undefined) throw new TypeError("consistency must be MINIMIZE_LATENCY or HIGHER_CONSISTENCY");
  return value;
}

function requireText(value: string, name: string): string {
  if (typeof value !== "string") throw new TypeError(`${name} must be a string`);
  return value;
}

/** At most this many bytes as an item of a batch. */
export function sizeOf({ token, resource, action, context }: Question): number {
  const texts = [token, resource, action, context?.clientIp ?? "", context?.usageId ?? ""];
  // For each text a tag and up to four bytes of length; and the numbers.
  return texts.reduce((size, text) => size + 5 + Buffer.byteLength(text), 32);
}
