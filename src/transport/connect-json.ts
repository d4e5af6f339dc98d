import {
  type DescMessage,
  fromJsonString,
  type JsonReadOptions,
  type JsonValue,
  type JsonWriteOptions,
} from "@bufbuild/protobuf";
import { Failure, type FieldViolation } from "../domain/errors.js";
import { holdsTimes, jsonProblems } from "./json-problems.js";
import { refuseManyJsonParts } from "./message-parts.js";
import { toConnectError, toStatusError } from "./status.js";

type JsonOptions = Partial<JsonReadOptions & JsonWriteOptions>;

/**
 * If unknown fields were ignored, a misspelt `"allowedCidr"` would give an unrestricted token. Absent zeros would
 * confuse people who use curl.
 */
const strict: JsonOptions = { ignoreUnknownFields: false, alwaysEmitImplicit: true };

/**
 * Returns the JSON options of a method with this input. Connect decodes by itself and puts the decoder's message, which
 * repeats input, into its error. The text decoder is the only hook before that: it decodes first and fails with our own
 * errors. So JSON bodies are parsed twice; speed matters on the gRPC port.
 */
export function strictJson(input: DescMessage): JsonOptions {
  const utf8 = new TextDecoder("utf-8", { fatal: true });
  const withTimes = holdsTimes(input);
  const textDecoder = {
    decode(bytes: Uint8Array): string {
      try {
        refuseManyJsonParts(bytes);
      } catch (error) {
        throw toConnectError(toStatusError(error, ""));
      }
      let text: string;
      try {
        text = utf8.decode(bytes);
      } catch {
        throw invalid([{ field: "", description: "the body must be JSON in UTF-8" }]);
      }
      try {
        fromJsonString(input, text, strict);
      } catch (error) {
        throw invalid(problemsOf(input, text, error));
      }
      // The decoder accepts 31 June as 1 July.
      const problems = withTimes ? jsonProblems(input, JSON.parse(text) as JsonValue) : [];
      if (problems.length > 0) throw invalid(problems);
      return text;
    },
  };
  const options = { ...strict, textDecoder };
  return options;
}

function problemsOf(input: DescMessage, text: string, error: unknown): readonly FieldViolation[] {
  let json: JsonValue;
  try {
    json = JSON.parse(text) as JsonValue;
  } catch {
    return [{ field: "", description: "the body must be valid JSON; check its quotes, commas and brackets" }];
  }
  const problems = jsonProblems(input, json);
  if (problems.length > 0) return problems;
  const twice = error instanceof Error && error.message.includes("duplicate");
  const description = twice ? "an object has the same key twice" : "the message cannot be decoded as its type";
  return [{ field: "", description }];
}

function invalid(violations: readonly FieldViolation[]): Error {
  return toConnectError(toStatusError(new Failure("INVALID_FIELD", { violations }), ""));
}
