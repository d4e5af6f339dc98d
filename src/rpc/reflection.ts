import { type DescFile, type DescMessage, toBinary } from "@bufbuild/protobuf";
import { nestedTypes } from "@bufbuild/protobuf/reflect";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { Code } from "#third-party/google/rpc/code_pb.js";
import { file_google_rpc_error_details } from "#third-party/google/rpc/error_details_pb.js";
import { ServerReflection } from "#third-party/grpc/reflection/v1/reflection_pb.js";
import { ServerReflection as ServerReflectionAlpha } from "#third-party/grpc/reflection/v1alpha/reflection_pb.js";
import { type Implementation, implement } from "./service.js";

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

/**
 * Server reflection v1 and v1alpha for these services and for itself. It tells descriptors only, no data; mounting it
 * is the operator's choice.
 */
export function reflection(implementations: readonly Implementation[]): readonly Implementation[] {
  const services = [...implementations.map(({ service }) => service), ServerReflection, ServerReflectionAlpha];
  const index = new DescriptorIndex([
    ...services.map(({ file }) => file),
    // No service imports it, but clients show error details by it.
    file_google_rpc_error_details,
  ]);
  const names = services.map(({ typeName }) => ({ name: typeName }));

  async function* answers<R extends ReflectionRequest>(requests: AsyncIterable<R>) {
    for await (const request of requests) {
      yield { validHost: request.host, originalRequest: request, messageResponse: answer(request, index, names) };
    }
  }
  return [
    implement(ServerReflection, { serverReflectionInfo: answers }),
    implement(ServerReflectionAlpha, { serverReflectionInfo: answers }),
  ];
}

function answer({ messageRequest }: ReflectionRequest, index: DescriptorIndex, service: { readonly name: string }[]) {
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
      return errorAnswer(Code.INVALID_ARGUMENT, "the request asks for nothing");
  }
}

/** The file first, then everything that it imports, so that the client need not ask again. */
function fileAnswer(file: DescFile | undefined) {
  if (!file) return notFound();
  const fileDescriptorProto = [...closure([file])]
    .reverse()
    .map(({ proto }) => toBinary(FileDescriptorProtoSchema, proto));
  return { case: "fileDescriptorResponse" as const, value: { fileDescriptorProto } };
}

/** Inside the stream: a client goes on asking after it. */
function notFound() {
  return errorAnswer(Code.NOT_FOUND, "no such descriptor");
}

function errorAnswer(errorCode: number, errorMessage: string) {
  return { case: "errorResponse" as const, value: { errorCode, errorMessage } };
}

/** The files and all that they import, imports first. Imports have no cycles. */
function closure(files: Iterable<DescFile>, found = new Set<DescFile>()): Set<DescFile> {
  for (const file of files) {
    if (found.has(file)) continue;
    closure(file.dependencies, found);
    found.add(file);
  }
  return found;
}

/** Where everything that has a full name is declared. */
class DescriptorIndex {
  /** By path, `patwarden/v1/token.proto`. */
  readonly files = new Map<string, DescFile>();
  readonly symbols = new Map<string, DescFile>();
  readonly messages = new Set<string>();
  /** By extended message and number. */
  readonly extensions = new Map<string, Map<number, DescFile>>();

  constructor(roots: readonly DescFile[]) {
    for (const file of closure(roots)) this.#addFile(file);
  }

  #addFile(file: DescFile): void {
    this.files.set(file.proto.name, file);
    for (const type of nestedTypes(file)) {
      this.symbols.set(type.typeName, file);
      switch (type.kind) {
        case "message":
          this.#addMembers(type, file);
          break;
        case "service":
          for (const { name } of type.methods) this.symbols.set(`${type.typeName}.${name}`, file);
          break;
        case "enum": {
          // Values are siblings of their enum, as in C.
          const scope = type.typeName.slice(0, type.typeName.lastIndexOf(".") + 1);
          for (const { name } of type.values) this.symbols.set(`${scope}${name}`, file);
          break;
        }
        case "extension": {
          const numbers = this.extensions.get(type.extendee.typeName) ?? new Map<number, DescFile>();
          this.extensions.set(type.extendee.typeName, numbers.set(type.number, file));
          break;
        }
      }
    }
  }

  #addMembers(message: DescMessage, file: DescFile): void {
    this.messages.add(message.typeName);
    for (const { name } of [...message.fields, ...message.oneofs])
      this.symbols.set(`${message.typeName}.${name}`, file);
  }
}
