import type { AuthorizationModel } from "@openfga/sdk";
import { errors, transformer, validator } from "@openfga/syntax-transformer";

/** A model as OpenFGA's HTTP interface takes it. */
export type ModelDefinition = Omit<AuthorizationModel, "id">;

/** Reads a model in OpenFGA's own language. Throws an Error that tells every fault as `file:line: what`. */
export function parseModelFile(dsl: string, file: string): ModelDefinition {
  try {
    validator.validateDSL(dsl);
    return transformer.transformDSLToJSONObject(dsl);
  } catch (error) {
    if (!(error instanceof errors.BaseMultiError)) throw new Error(`${file}: ${error}`, { cause: error });
    const faults = error.errors.map((fault: errors.BaseError) =>
      // Counted from zero there.
      fault.line ? `${file}:${fault.line.start + 1}: ${fault.msg}` : `${file}: ${fault.msg}`,
    );
    // Without a cause, whose text says the same again.
    throw new Error(faults.join("\n"));
  }
}
