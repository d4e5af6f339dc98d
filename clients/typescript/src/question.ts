import type { CallOptions } from "./channel.js";
import { Consistency as ConsistencyEnum } from "./gen/patwarden/v1/authorization_pb.js";
import { type Secret, textOf } from "./secret.js";

/** Facts about the bearer's request that the backend knows. */
export interface RequestContext {
  /** The bearer's IPv4 or IPv6 address without port. Without it, tokens that are limited to networks are refused. */
  readonly clientIp?: string | undefined;
  /** Units to bill if the request is allowed, 0 to 1,000,000; 0 does not bill. Default 1. */
  readonly usageUnits?: number | undefined;
  /**
   * Id of the billed request, up to 128 visible ASCII characters: an id is billed once in 24 hours. Default: every
   * request is billed.
   */
  readonly usageId?: string | undefined;
}

/** How fresh the answer must be: `MINIMIZE_LATENCY` may use caches, `HIGHER_CONSISTENCY` bypasses all of them. */
export type Consistency = Exclude<keyof typeof ConsistencyEnum, "UNSPECIFIED">;

/** Options of one check. */
export interface CheckOptions extends CallOptions {
  readonly context?: RequestContext | undefined;
  /** Default: `MINIMIZE_LATENCY`. */
  readonly consistency?: Consistency | undefined;
  /**
   * Names of the token's claims to return, at most 32; `*` alone means all. Such a check is never coalesced. Default
   * none.
   */
  readonly claims?: readonly string[] | undefined;
}

/** One check of many. */
export interface CheckItem {
  readonly token: string | Secret;
  /** `type:id`, for example `document:roadmap`. */
  readonly resource: string;
  /** A relation of the resource's type, for example `viewer`. */
  readonly action: string;
  readonly context?: RequestContext | undefined;
  /** Default: `MINIMIZE_LATENCY`. */
  readonly consistency?: Consistency | undefined;
}

/** The fields that CheckRequest and BatchCheckItem share. */
export interface Question {
  readonly token: string;
  readonly resource: string;
  readonly action: string;
  readonly consistency: ConsistencyEnum;
  readonly context?: { readonly clientIp: string; readonly usageUnits?: number; readonly usageId: string };
}

/** Throws TypeError for values that cannot be encoded: they would fail the whole batch, and so the checks of others. */
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

/** An unknown value must not silently become the weaker one. */
export function consistencyOf(name: Consistency): ConsistencyEnum {
  const value: ConsistencyEnum | undefined = ConsistencyEnum[name];
  if (value === undefined) throw new TypeError("consistency must be MINIMIZE_LATENCY or HIGHER_CONSISTENCY");
  return value;
}

function requireText(value: string, name: string): string {
  if (typeof value !== "string") throw new TypeError(`${name} must be a string`);
  return value;
}

/** Returns an upper bound of the item's size in a batch, bytes. */
export function sizeOf({ token, resource, action, context }: Question): number {
  const texts = [token, resource, action, context?.clientIp ?? "", context?.usageId ?? ""];
  // Each text has a tag and up to four bytes of length; 32 covers the numbers.
  return texts.reduce((size, text) => size + 5 + Buffer.byteLength(text), 32);
}
