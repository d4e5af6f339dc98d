import { durationMs } from "@bufbuild/protobuf/wkt";
import type { GetCreationLimitsResponse } from "#gen/patwarden/v1/self_pb.js";
import { useApp } from "../../app/context.js";
import { type Loading, useLoad } from "../../app/load.js";
import type { LifetimeLimits } from "./expiry.js";

/** Fetches the limits of a new token of this subject; an empty organization is none. */
export function useCreationLimits(subject: string, organization: string): Loading<GetCreationLimitsResponse> {
  const { api, caller } = useApp();
  const request = { subject, organization };
  return useLoad(JSON.stringify([caller.caller, request]), (signal) => api.self.getCreationLimits(request, { signal }));
}

/** Returns the limits of lifetimes. Without an answer of the server there are none: it judges the request itself. */
export function lifetimeLimits(answer: GetCreationLimitsResponse | undefined): LifetimeLimits {
  const { maxLifetime, defaultLifetime, requireExpiry = false } = answer?.limits ?? {};
  return {
    ...(maxLifetime && { mostMs: durationMs(maxLifetime) }),
    ...(defaultLifetime && { usualMs: durationMs(defaultLifetime) }),
    mustEnd: requireExpiry,
  };
}
