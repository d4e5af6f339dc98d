import type { AuthorizationModel } from "@openfga/sdk";
import { errors, transformer, validator } from "@openfga/syntax-transformer";

/** A model as OpenFGA's HTTP API accepts it. */
export type ModelDefinition = Omit<AuthorizationModel, "id">;

/** Parses a model in OpenFGA's modeling language. Throws an Error that lists every fault as `file:line: problem`. */
export function parseModelFile(dsl: string, file: string): ModelDefinition {
  try {
    validator.validateDSL(dsl);
    return transformer.transformDSLToJSONObject(dsl);
  } catch (error) {
    if (!(error instanceof errors.BaseMultiError)) throw new Error(`${file}: ${error}`, { cause: error });
    const faults = error.errors.map((fault: errors.BaseError) =>
      // Lines are counted from zero there.
      fault.line ? `${file}:${fault.line.start + 1}: ${fault.msg}` : `${file}: ${fault.msg}`,
    );
    // Without a cause: its text would repeat the same faults.
    throw new Error(faults.join("\n"));
  }
}
