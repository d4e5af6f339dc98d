import { Failure, type FieldViolation } from "../domain/errors.js";
import type { Parsed } from "../domain/identifier.js";

/** Collects everything that is wrong with a request, so that the caller is told all of it at once. */
export class Violations {
  readonly #found: FieldViolation[] = [];

  get isEmpty(): boolean {
    return this.#found.length === 0;
  }

  add(field: string, description: string): void {
    this.#found.push({ field, description });
  }

  /** Notes the problem, if there is one. */
  check(field: string, problem: string | undefined): void {
    if (problem !== undefined) this.add(field, problem);
  }

  /** The parsed value; undefined after noting the problem. */
  take<T>(field: string, parsed: Parsed<T>): T | undefined {
    if (parsed.ok) return parsed.value;
    this.add(field, parsed.problem);
    return undefined;
  }

  /** Throws INVALID_FIELD when anything was found; otherwise gives the values back, of which none may be undefined. */
  settle<T extends object>(values: T): { [K in keyof T]: Exclude<T[K], undefined> } {
    if (this.#found.length > 0) throw new Failure("INVALID_FIELD", { violations: this.#found });
    if (Object.values(values).includes(undefined)) throw new Error("a field was refused without a violation");
    return values as { [K in keyof T]: Exclude<T[K], undefined> }; // just tested
  }
}
