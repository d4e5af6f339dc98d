import { type DescMessage, fromJsonString, type JsonReadOptions, type JsonWriteOptions } from "@bufbuild/protobuf";
import { undecodable } from "./service.js";
import { toConnectError, toStatusError } from "./status.js";

type JsonOptions = Partial<JsonReadOptions & JsonWriteOptions>;

/**
 * Ignored unknown fields would turn a misspelt `"allowedCidr"` into an unrestricted token; absent zeros puzzle people
 * with curl.
 */
const strict: JsonOptions = { ignoreUnknownFields: false, alwaysEmitImplicit: true };

/**
 * JSON of a method with this input. Connect decodes by itself and puts the decoder's message, which repeats input, into
 * its error; the one place where it lets us in before is the text decoder, so that decodes first and fails with our
 * fixed error. JSON bodies are parsed twice for it; speed is the gRPC port's.
 */
export function strictJson(input: DescMessage): JsonOptions {
  const utf8 = new TextDecoder("utf-8", { fatal: true });
  const textDecoder = {
    decode(bytes: Uint8Array): string {
      try {
        const text = utf8.decode(bytes);
        fromJsonString(input, text, strict);
        return text;
      } catch {
        throw toConnectError(toStatusError(undecodable(), ""));
      }
    },
  };
  const options = { ...strict, textDecoder };
  return options;
}
