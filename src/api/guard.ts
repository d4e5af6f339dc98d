import type { DescMethodServerStreaming, DescMethodUnary, DescService, MessageShape } from "@bufbuild/protobuf";
import type { Authenticator } from "../callers/authentication.js";
import type { Caller, ManagingCaller } from "../callers/caller.js";
import type { CallerLimits, LimitRule, LimitRules } from "../callers/limits.js";
import { type AccessRules, authorize } from "../callers/rules.js";
import { Failure } from "../domain/errors.js";
import type { Address } from "../domain/network.js";
import { type CallContext, type Handlers, type Implementation, implement } from "../transport/service.js";

/** What a handler of our own API gets beside the request: a caller that is proven and may call this method. */
export interface GuardedCall {
  readonly caller: ManagingCaller;
  readonly call: CallContext;
}

type GuardedHandler<M> =
  M extends DescMethodUnary<infer I, infer O>
    ? (request: MessageShape<I>, guarded: GuardedCall) => Promise<MessageShape<O>>
    : M extends DescMethodServerStreaming<infer I, infer O>
      ? (request: MessageShape<I>, guarded: GuardedCall) => AsyncIterable<MessageShape<O>>
      : never;

/** A handler for every method of a service. */
export type GuardedHandlers<S extends DescService> = {
  readonly [K in keyof S["method"]]: GuardedHandler<S["method"][K]>;
};

/** Told of a call of the management plane that was refused for who its caller is. Must not wait and not throw. */
export type OnRefusal = (refusal: Failure, caller: ManagingCaller | undefined, call: CallContext) => void;

/** What calls of the management plane have besides. */
export interface Management<S extends DescService> {
  readonly onRefusal: OnRefusal;
  readonly limits: Pick<CallerLimits, "require">;
  readonly limitRules: LimitRules<S>;
  /** Resolves when every replica goes by what was committed before; throws REVOCATION_PENDING at the deadline. */
  readonly confirm: (deadline: number | undefined) => Promise<void>;
}

const refusals: ReadonlySet<string> = new Set(["CALLER_UNAUTHENTICATED", "CALLER_FORBIDDEN"]);

/** Puts the proof of the caller and the rule of the method before each handler; there is no other way to mount one of ours. */
export function guard<S extends DescService>(
  service: S,
  rules: AccessRules<S>,
  authenticator: Authenticator,
  handlers: GuardedHandlers<S>,
  management?: Management<S>,
): Implementation {
  const authenticate = (call: CallContext) =>
    authenticator.authenticate({
      authorization: call.header("authorization"),
      userAuthorization: call.header("patwarden-user-authorization"),
      address: () => call.address,
      clientName: () => call.clientName,
      deadline: call.deadline,
    });
  const guarded = Object.fromEntries(
    service.methods.map(({ localName, methodKind }) => {
      const name = localName as keyof S["method"]; // one of this service's own methods
      const rule = rules[name];
      if (methodKind === "server_streaming") {
        if (management) throw new Error(`${localName}: a stream of the management plane would move no limit`);
        const stream = handlers[name] as (request: unknown, guarded: GuardedCall) => AsyncIterable<unknown>;
        return [
          localName,
          async function* (request: unknown, call: CallContext) {
            const caller = await authenticate(call);
            if (!caller) throw new Failure("CALLER_UNAUTHENTICATED");
            authorize(caller, rule);
            yield* stream(request, { caller, call });
          },
        ];
      }
      const handle = handlers[name] as (request: unknown, guarded: GuardedCall) => Promise<unknown>;
      return [
        localName,
        async (request: unknown, call: CallContext) => {
          if (!management) {
            const proven = authenticate(call);
            // A service key needs no turn of the event loop.
            const caller = proven instanceof Promise ? await proven : proven;
            if (!caller) throw new Failure("CALLER_UNAUTHENTICATED");
            authorize(caller, rule);
            return handle(request, { caller, call });
          }
          const { onRefusal, limits, limitRules, confirm } = management;
          let managing: ManagingCaller | undefined;
          try {
            const caller = await authenticate(call);
            managing = caller && managingFrom(caller, call.address);
            if (!managing) throw new Failure("CALLER_UNAUTHENTICATED");
            authorize(managing, rule);
            limits.require(managing, limitOf(limitRules[name], request), call.method);
            const response = await handle(request, { caller: managing, call });
            // Also when nothing was changed: a repeat confirms what an earlier call stored.
            if (rule.confirmed) await confirm(call.deadline);
            return response;
          } catch (error) {
            if (error instanceof Failure && refusals.has(error.reason)) onRefusal(error, managing, call);
            throw error;
          }
        },
      ];
    }),
  );
  return implement(service, guarded as Handlers<S>); // one for each method, of the same types
}

function managingFrom(caller: Caller, address: Address | undefined): ManagingCaller {
  return address ? { ...caller, from: address.toString() } : caller;
}

function limitOf(rule: LimitRule, request: unknown): Exclude<LimitRule, (request: never) => unknown> {
  return typeof rule === "function" ? rule(request as never) : rule; // the table ties the rule to the method's request
}
