import type { DescMethodServerStreaming, DescMethodUnary, DescService, MessageShape } from "@bufbuild/protobuf";
import type { Authenticator } from "../callers/authentication.js";
import { authorize } from "../callers/authorize.js";
import { actorOf, type Caller, type ManagingCaller } from "../callers/caller.js";
import type { CallerLimits } from "../callers/limits.js";
import type { Method, MethodLimit, Methods } from "../callers/methods.js";
import type { Awaitable } from "../domain/awaitable.js";
import { Failure } from "../domain/errors.js";
import type { Address } from "../domain/network.js";
import { type CallContext, type Handlers, type Implementation, implement } from "../transport/service.js";

/** The second argument of a handler: an authenticated caller who may call this method, and the call. */
export interface GuardedCall {
  readonly caller: ManagingCaller;
  readonly call: CallContext;
}

type GuardedHandler<M> =
  M extends DescMethodUnary<infer I, infer O>
    ? (request: MessageShape<I>, guarded: GuardedCall) => Awaitable<MessageShape<O>>
    : M extends DescMethodServerStreaming<infer I, infer O>
      ? (request: MessageShape<I>, guarded: GuardedCall) => AsyncIterable<MessageShape<O>>
      : never;

/** A handler for every method of a service. */
export type GuardedHandlers<S extends DescService> = {
  readonly [K in keyof S["method"]]: GuardedHandler<S["method"][K]>;
};

/** Called when a management call is refused because of its caller. Must not wait and not throw. */
export type OnRefusal = (refusal: Failure, caller: ManagingCaller | undefined, call: CallContext) => void;

/** The extra steps of every call of the management plane. */
export interface Management {
  readonly onRefusal: OnRefusal;
  readonly limits: Pick<CallerLimits, "require">;
  /** Resolves when every replica has applied what was committed before; throws REVOCATION_PENDING at the deadline. */
  readonly confirm: (deadline: number | undefined) => Promise<void>;
}

const refusals: ReadonlySet<string> = new Set(["CALLER_UNAUTHENTICATED", "CALLER_FORBIDDEN"]);

export interface GuardOptions<S extends DescService> {
  readonly methods: Methods<S>;
  readonly authenticator: Authenticator;
  /** Absent for a service of the data plane: its calls have no caller limits and are not audited. */
  readonly management?: Management;
}

/** Authenticates and authorizes each call before its handler runs. Every service of our API is mounted through this. */
export function guard<S extends DescService>(
  service: S,
  handlers: GuardedHandlers<S>,
  { methods, authenticator, management }: GuardOptions<S>,
): Implementation {
  const guarded = Object.fromEntries(
    service.methods.map(({ localName, methodKind }) => {
      const name = localName as keyof S["method"]; // one of this service's own methods
      const method = methods[name] as Method<never>; // its `limit` gets only requests of this method
      if (methodKind === "server_streaming") {
        if (management) throw new Error(`${localName}: limits are not implemented for streams of the management plane`);
        const stream = handlers[name] as (request: unknown, guarded: GuardedCall) => AsyncIterable<unknown>;
        return [
          localName,
          async function* (request: unknown, call: CallContext) {
            const caller = await authenticator.authenticate(call);
            if (!caller) throw new Failure("CALLER_UNAUTHENTICATED");
            authorize(caller, method);
            yield* stream(request, { caller, call });
          },
        ];
      }
      const handle = handlers[name] as (request: unknown, guarded: GuardedCall) => Awaitable<unknown>;
      if (!management) {
        const admit = (caller: Caller | undefined, request: unknown, call: CallContext) => {
          if (!caller) throw new Failure("CALLER_UNAUTHENTICATED");
          authorize(caller, method);
          return handle(request, { caller, call });
        };
        return [
          localName,
          (request: unknown, call: CallContext) => {
            const proven = authenticator.authenticate(call);
            // A service key is checked without a promise.
            return proven instanceof Promise
              ? proven.then((caller) => admit(caller, request, call))
              : admit(proven, request, call);
          },
        ];
      }
      const { onRefusal, limits, confirm } = management;
      return [
        localName,
        async (request: unknown, call: CallContext) => {
          let managing: ManagingCaller | undefined;
          try {
            const caller = await authenticator.authenticate(call);
            managing = caller && managingFrom(caller, call.address);
            if (!managing) throw new Failure("CALLER_UNAUTHENTICATED");
            call.actor = actorOf(managing);
            authorize(managing, method);
            limits.require(managing, limitOf(method, request), call.method);
            const response = await handle(request, { caller: managing, call });
            // Also when this call changed nothing: a repeated call confirms the change that an earlier call stored.
            if (method.confirmed) await confirm(call.deadline);
            return response;
          } catch (error) {
            if (error instanceof Failure && refusals.has(error.reason)) onRefusal(error, managing, call);
            throw error;
          }
        },
      ];
    }),
  );
  return implement(service, guarded as Handlers<S>); // one handler for each method, with the method's types
}

function managingFrom(caller: Caller, address: Address | undefined): ManagingCaller {
  return address ? { ...caller, from: address.toString() } : caller;
}

function limitOf({ limit }: Method<never>, request: unknown): MethodLimit {
  // The type of the methods table ensures that `limit` takes this method's request.
  return typeof limit === "function" ? limit(request as never) : limit;
}
