import { durationMs } from "@bufbuild/protobuf/wkt";
import type { GetCreationLimitsResponse } from "#gen/patwarden/v1/self_pb.js";
import type { LifetimeLimits } from "./expiry.js";

/** Returns the limits of lifetimes. Without an answer of the server there are none: it judges the request itself. */
export function lifetimeLimits(answer: GetCreationLimitsResponse | undefined): LifetimeLimits {
  const { maxLifetime, defaultLifetime, requireExpiry = false } = answer?.limits ?? {};
  return {
    ...(maxLifetime && { mostMs: durationMs(maxLifetime) }),
    ...(defaultLifetime && { usualMs: durationMs(defaultLifetime) }),
    mustEnd: requireExpiry,
  };
}
