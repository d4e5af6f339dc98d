import { expect } from "vitest";
import { PatwardenError } from "../../src/index.js";

/** The error that a promise rejects with, which must be one. */
export async function failureOf(promise: PromiseLike<unknown>): Promise<PatwardenError> {
  const outcome = await promise.then(
    (value) => ({ value }),
    (error: unknown) => error,
  );
  expect(outcome).toBeInstanceOf(PatwardenError);
  return outcome as PatwardenError; // just tested
}
