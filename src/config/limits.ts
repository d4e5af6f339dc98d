import { z } from "zod";
import { limitOf, rate } from "./rate.js";

/**
 * Rate limits for expensive management calls of one user or one Patwarden token at one replica; 0 turns a limit off.
 * Services and administrators of the deployment are not limited. Neither are Checks and revocations of leaked tokens.
 */
export const limits = z
  .object({
    /** CreateToken and RotateToken, at once or spread; 0 to 1,000,000 an hour. Default 100. */
    creations_per_hour: rate.default(100),
    /**
     * Calls that may remove permissions: revoke, suspend, deny, update, disable, delete; 0 to 1,000,000 a minute.
     * Default 60.
     */
    revocations_per_minute: rate.default(60),
    /** The most such calls at once, 1 to 1,000,000. Default 20. */
    revocations_burst: rate.min(1).default(20),
    /**
     * Pages of lists, GetTokenSummary, ExplainToken, and previews of UpdateToken, UpdatePolicy and RevokeTokens, at
     * once or spread; 0 to 1,000,000 a second. Default 10.
     */
    lists_per_second: rate.default(10),
    /** `GET /v1/self` from one address (IPv6: one /64), at once or spread; 0 to 1,000,000 a minute. Default 60. */
    self_per_minute: rate.default(60),
  })
  .transform((file) => {
    const creations = limitOf(file.creations_per_hour, 3_600_000);
    const revocations = limitOf(file.revocations_per_minute, 60_000, file.revocations_burst);
    const lists = limitOf(file.lists_per_second, 1_000);
    const self = limitOf(file.self_per_minute, 60_000);
    return {
      ...(creations && { creations }),
      ...(revocations && { revocations }),
      ...(lists && { lists }),
      ...(self && { self }),
    };
  })
  .prefault({});
