import { Failure } from "../../domain/errors.js";

/**
 * Reads further data for the reply to a change. The change is already stored, so a database that fails only now must
 * not make it look undone: throws REVOCATION_PENDING in place of DATABASE_UNAVAILABLE.
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
