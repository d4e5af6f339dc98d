import type {
  DescMessage,
  DescMethod,
  DescMethodServerStreaming,
  DescMethodUnary,
  DescService,
  MessageInitShape,
  MessageShape,
} from "@bufbuild/protobuf";
import { type Call, type CallOptions, type Channel, patienceOf } from "./channel.js";
import { AuthorizationService } from "./gen/patwarden/v1/authorization_pb.js";

/** Options of a call to one of the services. */
export interface ServiceCallOptions extends CallOptions {
  /**
   * The access token of the user that a service acts for: the call may then do what this user may. Needs the
   * permission `tokens.behalf`.
   */
  readonly userToken?: string | undefined;
}

/**
 * The methods of a service as declared in its proto file. They reject, or throw while iterated, with PatwardenError.
 */
export type ServiceClient<S extends DescService> = {
  readonly [M in keyof S["method"]]: S["method"][M] extends DescMethodUnary<infer I, infer O>
    ? (request: MessageInitShape<I>, options?: ServiceCallOptions) => Promise<MessageShape<O>>
    : S["method"][M] extends DescMethodServerStreaming<infer I, infer O>
      ? (request: MessageInitShape<I>, options?: ServiceCallOptions) => AsyncIterable<MessageShape<O>>
      : never;
};

/** The default deadline of Check, BatchCheck and Introspect, milliseconds. */
export const decisionTimeoutMs = 1_000;
/** The default deadline of other unary calls, milliseconds. */
const managementTimeoutMs = 10_000;

export function createServiceClient<S extends DescService>(channel: Channel, service: S): ServiceClient<S> {
  const timeoutMs = service.typeName === AuthorizationService.typeName ? decisionTimeoutMs : managementTimeoutMs;
  const methods = service.methods.map((method) => [method.localName, callerOf(channel, method, timeoutMs)]);
  return Object.fromEntries(methods); // one entry for each method, made by the descriptor that types it
}

function callerOf(channel: Channel, method: DescMethod, timeoutMs: number) {
  switch (method.methodKind) {
    case "unary":
      return unary(channel, method as DescMethodUnary, timeoutMs); // the kind says so
    case "server_streaming":
      return serverStreaming(channel, method as DescMethodServerStreaming); // the kind says so
    default:
      throw new Error(`${method.parent.typeName}/${method.name} has a kind that this client cannot call`);
  }
}

function unary(channel: Channel, method: DescMethodUnary, timeoutMs: number) {
  return async (request: MessageInitShape<DescMessage>, options: ServiceCallOptions = {}) =>
    channel.unary(method, request, callOf(options, timeoutMs));
}

function serverStreaming(channel: Channel, method: DescMethodServerStreaming) {
  return async function* (request: MessageInitShape<DescMessage>, options: ServiceCallOptions = {}) {
    yield* await channel.serverStream(method, request, callOf(options, Number.POSITIVE_INFINITY));
  };
}

function callOf(options: ServiceCallOptions, timeoutMs: number): Call {
  return { ...patienceOf(options, timeoutMs), userToken: options.userToken };
}
