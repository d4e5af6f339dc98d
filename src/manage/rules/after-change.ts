import { Failure } from "../../domain/errors.js";

/**
 * Reads what the answer to a change tells besides. The change is stored: a database that fails only now must not say
 * that it was not, so this throws REVOCATION_PENDING in place of DATABASE_UNAVAILABLE.
 */
export async function afterChange<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof Failure && error.reason === "DATABASE_UNAVAILABLE") {
      throw new Failure("REVOCATION_PENDING", { cause: error });
    }
    throw error;
  }
}
