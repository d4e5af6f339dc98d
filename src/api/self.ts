import type { SelfService } from "#gen/patwarden/v1/self_pb.js";
import { Failure } from "../domain/errors.js";
import type { GuardedHandlers } from "./guard.js";

const missing = async (): Promise<never> => {
  throw new Failure("INTERNAL");
};

/** Returns the handlers of SelfService. */
export function selfService(): GuardedHandlers<typeof SelfService> {
  return {
    getCaller: missing,
    listOrganizations: missing,
    getCatalog: missing,
    getCreationLimits: missing,
    listReachable: missing,
    explainToken: missing,
  };
}
