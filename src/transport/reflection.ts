import { setImmediate as turn } from "node:timers/promises";
import { type DescFile, type DescMessage, toBinary } from "@bufbuild/protobuf";
import { nestedTypes } from "@bufbuild/protobuf/reflect";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { Code } from "#gen/google/rpc/code_pb.js";
import { file_google_rpc_error_details } from "#gen/google/rpc/error_details_pb.js";
import { ServerReflection } from "#gen/grpc/reflection/v1/reflection_pb.js";
import { ServerReflection as ServerReflectionAlpha } from "#gen/grpc/reflection/v1alpha/reflection_pb.js";
import { Failure } from "../domain/errors.js";
import { keyOfAddress, RateLimiter } from "../domain/rate-limiter.js";
import { Places } from "./places.js";
import { type CallContext, type Implementation, implement } from "./service.js";

/** The request of v1 and v1alpha, which have the same fields. */
interface ReflectionRequest {
  readonly host: string;
  readonly messageRequest:
    | { readonly case: "fileByFilename" | "fileContainingSymbol" | "listServices"; readonly value: string }
    | { readonly case: "allExtensionNumbersOfType"; readonly value: string }
    | { readonly case: "fileContainingExtension"; readonly value: ExtensionKey }
    | { readonly case: undefined; readonly value?: undefined };
}

interface ExtensionKey {
  readonly containingType: string;
  readonly extensionNumber: number;
}

/** The cost of one answer besides its bytes, in bytes: framing, flow control and the decoding of the question. */
const answerCost = 1_024;

/**
 * Anybody may ask, so the total is limited, in bytes of answers with `answerCost` for each. A tool that reads every
 * service symbol by symbol needs less than 3 MiB. The refill for more than that costs at most a few thousandths of the
 * process's time.
 */
export const reflectionBudget = {
  /** The budget of each address. */
  address: { burst: 4 * 1_048_576, intervalMs: 1_000 / (128 * 1_024) },
  /** The budget of all addresses together. */
  process: { burst: 16 * 1_048_576, intervalMs: 1_000 / (512 * 1_024) },
} as const;

/** The most streams at a time: each holds about 20 KiB. A tool opens one. */
export const reflectionLimits = { total: 100, ofAddress: 10 } as const;

/** The longest host or name that is answered, since an answer repeats it. Names of descriptors are far shorter. */
const maxNameLength = 512;

/**
 * Server reflection v1 and v1alpha for these services and for itself. It shows only descriptors, no data; the operator
 * chooses to mount it.
 */
export function reflection(
  implementations: readonly Implementation[],
  monotonicMs: () => number = () => performance.now(),
): readonly Implementation[] {
  const services = [...implementations.map(({ service }) => service), ServerReflection, ServerReflectionAlpha];
  const index = new DescriptorIndex([
    ...services.map(({ file }) => file),
    // No service imports it, but clients need it to show error details.
    file_google_rpc_error_details,
  ]);
  const names = services.map(({ typeName }) => ({ name: typeName }));
  const byAddress = new RateLimiter({ limit: reflectionBudget.address, monotonicMs });
  const byProcess = new RateLimiter({ limit: reflectionBudget.process, monotonicMs });
  const places = new Places(reflectionLimits);

  async function* answers<R extends ReflectionRequest>(requests: AsyncIterable<R>, { address }: CallContext) {
    const leave = places.take(address);
    if (!leave) throw new Failure("OVERLOADED");
    try {
      for await (const request of requests) {
        // A chunk brings thousands of questions, which are read without waiting: other calls must run in between.
        await turn();
        const messageResponse = answer(request, index, names);
        const cost = answerCost + sizeOf(messageResponse);
        const retryDelayMs = byAddress.waitMs(keyOfAddress(address), cost) || byProcess.waitMs("", cost);
        if (retryDelayMs > 0) throw new Failure("OVERLOADED", { retryDelayMs });
        yield { validHost: request.host, originalRequest: request, messageResponse };
      }
    } finally {
      leave();
    }
  }
  return [
    implement(ServerReflection, { serverReflectionInfo: answers }),
    implement(ServerReflectionAlpha, { serverReflectionInfo: answers }),
  ];
}

function answer(
  { host, messageRequest }: ReflectionRequest,
  index: DescriptorIndex,
  service: { readonly name: string }[],
) {
  const { value } = messageRequest;
  const name = typeof value === "string" ? value : (value?.containingType ?? "");
  if (Math.max(host.length, name.length) > maxNameLength) {
    const description = `host and name must have at most ${maxNameLength} characters`;
    throw new Failure("INVALID_FIELD", { violations: [{ field: "", description }] });
  }
  switch (messageRequest.case) {
    case "listServices":
      return { case: "listServicesResponse" as const, value: { service } };
    case "fileByFilename":
      return fileAnswer(index.files.get(messageRequest.value));
    case "fileContainingSymbol":
      return fileAnswer(index.symbols.get(messageRequest.value));
    case "fileContainingExtension": {
      const { containingType, extensionNumber } = messageRequest.value;
      return fileAnswer(index.extensions.get(containingType)?.get(extensionNumber));
    }
    case "allExtensionNumbersOfType": {
      const baseTypeName = messageRequest.value;
      if (!index.messages.has(baseTypeName)) return notFound();
      const extensionNumber = [...(index.extensions.get(baseTypeName)?.keys() ?? [])];
      return { case: "allExtensionNumbersResponse" as const, value: { baseTypeName, extensionNumber } };
    }
    case undefined:
      return errorAnswer(Code.INVALID_ARGUMENT, "the request contains no question");
  }
}

/** A file as it is sent: its own descriptor first, then all its imports, so that the client need not ask again. */
type SentFile = readonly Uint8Array[];

function fileAnswer(file: SentFile | undefined) {
  if (!file) return notFound();
  return { case: "fileDescriptorResponse" as const, value: { fileDescriptorProto: [...file] } };
}

function sizeOf(response: ReturnType<typeof answer>): number {
  if (response.case !== "fileDescriptorResponse") return 0;
  return response.value.fileDescriptorProto.reduce((sum, { length }) => sum + length, 0);
}

/** Answered inside the stream: a client continues after it. */
function notFound() {
  return errorAnswer(Code.NOT_FOUND, "no such descriptor");
}

function errorAnswer(errorCode: number, errorMessage: string) {
  return { case: "errorResponse" as const, value: { errorCode, errorMessage } };
}

/** Returns the files and all their imports, imports first. Imports have no cycles. */
function closure(files: Iterable<DescFile>, found = new Set<DescFile>()): Set<DescFile> {
  for (const file of files) {
    if (found.has(file)) continue;
    closure(file.dependencies, found);
    found.add(file);
  }
  return found;
}

/** The file in which each full name is declared. */
class DescriptorIndex {
  /** By path, `patwarden/v1/token.proto`. */
  readonly files = new Map<string, SentFile>();
  readonly symbols = new Map<string, SentFile>();
  readonly messages = new Set<string>();
  /** By extended message and number. */
  readonly extensions = new Map<string, Map<number, SentFile>>();

  constructor(roots: readonly DescFile[]) {
    // Serialized once, here: it takes milliseconds, and anybody may ask again and again.
    const bytes = new Map([...closure(roots)].map((file) => [file, toBinary(FileDescriptorProtoSchema, file.proto)]));
    for (const desc of bytes.keys()) {
      const sent = [...closure([desc])].reverse().flatMap((file) => bytes.get(file) ?? []);
      this.#addFile(desc, sent);
    }
  }

  #addFile(desc: DescFile, file: SentFile): void {
    this.files.set(desc.proto.name, file);
    for (const type of nestedTypes(desc)) {
      this.symbols.set(type.typeName, file);
      switch (type.kind) {
        case "message":
          this.#addMembers(type, file);
          break;
        case "service":
          for (const { name } of type.methods) this.symbols.set(`${type.typeName}.${name}`, file);
          break;
        case "enum": {
          // As in C, the values are in the scope that contains their enum.
          const scope = type.typeName.slice(0, type.typeName.lastIndexOf(".") + 1);
          for (const { name } of type.values) this.symbols.set(`${scope}${name}`, file);
          break;
        }
        case "extension": {
          const numbers = this.extensions.get(type.extendee.typeName) ?? new Map<number, SentFile>();
          this.extensions.set(type.extendee.typeName, numbers.set(type.number, file));
          break;
        }
      }
    }
  }

  #addMembers(message: DescMessage, file: SentFile): void {
    this.messages.add(message.typeName);
    for (const { name } of [...message.fields, ...message.oneofs])
      this.symbols.set(`${message.typeName}.${name}`, file);
  }
}
