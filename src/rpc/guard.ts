import type { DescMethodUnary, DescService, MessageShape } from "@bufbuild/protobuf";
import type { Caller } from "../access/caller.js";
import type { Access } from "../access/rules.js";
import { type CallContext, type Implementation, implement } from "./service.js";

/** What a handler of our own API gets beside the request: a caller that has been proven and may call this method. */
export interface GuardedCall {
  readonly caller: Caller;
  readonly call: CallContext;
}

type UnaryNames<S extends DescService> = {
  [K in keyof S["method"]]: S["method"][K] extends DescMethodUnary ? K : never;
}[keyof S["method"]];

/** One handler for each method. */
export type GuardedHandlers<S extends DescService> = {
  readonly [K in UnaryNames<S>]: (
    request: MessageShape<S["method"][K]["input"]>,
    guarded: GuardedCall,
  ) => Promise<MessageShape<S["method"][K]["output"]>>;
};
