import { Failure, type FieldViolation } from "../domain/errors.js";
import type { Parsed } from "../domain/identifier.js";

const defaultPageSize = 50;
const maxPageSize = 1000;
/** The most problems that are kept. An error shows fewer, and a request may have millions. */
const maxFound = 10_000;

/** Collects all problems of a request, so that one error lists them all. */
export class Violations {
  readonly #found: FieldViolation[] = [];

  get isEmpty(): boolean {
    return this.#found.length === 0;
  }

  add(field: string, description: string): void {
    if (this.#found.length < maxFound) this.#found.push({ field, description });
  }

  /** Adds the problem, if there is one. */
  check(field: string, problem: string | undefined): void {
    if (problem !== undefined) this.add(field, problem);
  }

  /** Returns the parsed value, or adds the problem and returns undefined. */
  take<T>(field: string, parsed: Parsed<T>): T | undefined {
    if (parsed.ok) return parsed.value;
    this.add(field, parsed.problem);
    return undefined;
  }

  /** Returns the size of a page, 50 for 0, or adds the problem. */
  takePageSize(pageSize: number): number {
    if (pageSize < 0 || pageSize > maxPageSize) {
      this.add("page_size", `must be 1 to ${maxPageSize}, or 0 for ${defaultPageSize}`);
    }
    return pageSize || defaultPageSize;
  }

  /** Throws INVALID_FIELD when there are violations; otherwise returns the values, of which none may be undefined. */
  settle<T extends object>(values: T): { [K in keyof T]: Exclude<T[K], undefined> } {
    if (this.#found.length > 0) throw new Failure("INVALID_FIELD", { violations: this.#found });
    if (Object.values(values).includes(undefined))
      throw new Error("a field is undefined although no violation was added");
    return values as { [K in keyof T]: Exclude<T[K], undefined> }; // checked in the line above
  }
}
