import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { enumToJson } from "@bufbuild/protobuf";
import { AuthorizationService, type CheckResponse } from "#gen/patwarden/v1/authorization_pb.js";
import { Reason, ReasonSchema } from "#gen/patwarden/v1/reason_pb.js";
import { RevocationReason, Token_State, Token_StateSchema, TokenService } from "#gen/patwarden/v1/token_pb.js";
import type { Reply } from "../../test/kit/ports.js";
import { lists, type Question, subjectOf } from "../lib/workload.js";
import { anyOf, GaveUp, type Replicas } from "./replicas.js";
import type { Tally } from "./tally.js";

const { check, batchCheck, listResources, introspect } = AuthorizationService.method;
const { createToken, listTokens, revokeToken, rotateToken } = TokenService.method;

/** The longest time between two steps of one worker, milliseconds. */
const thinkingMs = 20;
const stepsOfALife = 24;
const questionsOfABatch = 20;
const graveyardSize = 500;

/** A secret that must never be allowed again, and the expected reason. */
interface Dead {
  readonly secret: string;
  readonly reason: Reason;
}

interface Living {
  readonly id: string;
  readonly subject: string;
  /** Whether it may do only what a viewer may. */
  readonly viewerOnly: boolean;
  /** The current one first, and a second one during its grace. */
  secrets: readonly string[];
}

/** Takes one token after the other through its whole life, and checks the answer at each step. */
export class Worker {
  readonly #replicas: Replicas;
  readonly #tally: Tally;
  readonly #graveyard: Dead[];

  /** All workers share the graveyard: each also asks for tokens that others have ended. */
  constructor(replicas: Replicas, tally: Tally, graveyard: Dead[]) {
    this.#replicas = replicas;
    this.#tally = tally;
    this.#graveyard = graveyard;
  }

  async work(goOn: () => boolean): Promise<void> {
    while (goOn()) {
      try {
        await this.#live();
      } catch (error) {
        if (!(error instanceof GaveUp)) throw error;
      }
    }
  }

  async #live(): Promise<void> {
    const list = anyOf(lists);
    const token = await this.#create(subjectOf(list[0]?.user ?? 0));
    const steps = [
      ...Array.from({ length: 6 }, () => () => this.#check(token, anyOf(list))),
      () => this.#batch(token, list),
      () => this.#listResources(token, list),
      () => this.#introspect(token),
      () => this.#list(token, Token_State.ACTIVE),
      () => this.#rotate(token, anyOf([0, 600])),
      () => this.#askTheDead(),
    ];
    for (let step = 0; step < stepsOfALife; step++) {
      await anyOf(steps)();
      await sleep(Math.random() * thinkingMs);
    }
    await this.#revoke(token, anyOf(list));
    await this.#list(token, Token_State.REVOKED);
  }

  async #create(subject: string): Promise<Living> {
    const viewerOnly = Math.random() < 0.5;
    const grant = viewerOnly ? { rules: [{ actions: ["viewer"], resources: ["document:*"] }] } : { full: true };
    const request = { subject, name: "soak", grant, requestId: randomUUID() };
    const { token, secret } = await this.#replicas.insist(createToken, request);
    return { id: token?.id ?? "", subject, viewerOnly, secrets: [secret] };
  }

  async #check(token: Living, question: Question): Promise<void> {
    const { action, resource } = question;
    const reply = await this.#replicas.call(check, { token: anyOf(token.secrets), action, resource });
    if (!reply.ok) return this.#undecided(reply, 1);
    this.#judge(reply.value, expected(token, question), `${action} ${resource} by ${token.subject}`);
  }

  async #batch(token: Living, list: readonly Question[]): Promise<void> {
    const asked = Array.from({ length: questionsOfABatch }, () => anyOf(list));
    const items = asked.map(({ action, resource }) => ({ action, resource }));
    const reply = await this.#replicas.call(batchCheck, { token: anyOf(token.secrets), items });
    if (!reply.ok) return this.#undecided(reply, asked.length);
    if (reply.value.results.length !== asked.length)
      this.#tally.violated("BatchCheck answered another number of items");
    for (const [index, question] of asked.entries()) {
      const result = reply.value.results[index]?.result;
      const what = `item ${question.action} ${question.resource} by ${token.subject}`;
      if (result?.case === "decision") this.#judge(result.value, expected(token, question), what);
      else this.#itemFailed(result?.value?.code);
    }
  }

  /** UNAVAILABLE, DEADLINE_EXCEEDED and RESOURCE_EXHAUSTED by their numbers. */
  #itemFailed(code: number | undefined): void {
    this.#tally.called("item of a BatchCheck", String(code));
    if (code !== 14 && code !== 4 && code !== 8) this.#tally.violated(`an item of a BatchCheck failed with ${code}`);
  }

  /** A list may be incomplete, but not wrong. */
  async #listResources(token: Living, list: readonly Question[]): Promise<void> {
    const request = { token: anyOf(token.secrets), type: "document", action: "viewer" };
    const reply = await this.#replicas.list(listResources, request);
    if (!reply.ok) return;
    const listed = new Set(reply.value.flatMap(({ resources }) => resources));
    const isIncomplete = reply.value.at(-1)?.incomplete ?? true;
    for (const { resource, allowed } of list.filter(({ action }) => action === "viewer")) {
      if (listed.has(resource) !== allowed && !(allowed && isIncomplete))
        this.#tally.violated(`ListResources ${allowed ? "lacks" : "shows"} ${resource} to ${token.subject}`);
    }
  }

  async #introspect(token: Living): Promise<void> {
    const reply = await this.#replicas.call(introspect, { token: anyOf(token.secrets) });
    if (reply.ok && (!reply.value.active || reply.value.token?.id !== token.id))
      this.#tally.violated(`Introspect of a live token said ${nameOf(reply.value.reason)}`);
  }

  /** The newest tokens of the subject come first, and this is one of them. */
  async #list({ id, subject }: Living, state: Token_State): Promise<void> {
    const { tokens } = await this.#replicas.insist(listTokens, { subject, pageSize: 1_000 });
    const listed = tokens.find((token) => token.id === id);
    if (listed?.state !== state)
      this.#tally.violated(
        `ListTokens shows ${id} as ${listed ? enumToJson(Token_StateSchema, listed.state) : "not at all"}`,
      );
  }

  /** A repeat of a request whose answer was lost must return the same secret again. */
  async #rotate(token: Living, graceS: number): Promise<void> {
    const [current = "", second] = token.secrets;
    // At most two secrets are usable at a time: a new one ends the grace of the oldest.
    const request = { id: token.id, grace: { seconds: BigInt(graceS) }, requestId: randomUUID() };
    const { secret } = await this.#replicas.insist(rotateToken, request);
    if (second !== undefined) await this.#bury({ secret: second, reason: Reason.TOKEN_SUPERSEDED });
    if (graceS === 0) await this.#bury({ secret: current, reason: Reason.TOKEN_SUPERSEDED });
    token.secrets = graceS === 0 ? [secret] : [secret, current];
  }

  /**
   * A Check that began before the revocation returned may be allowed or not. A Check that begins later must not be
   * allowed, on any replica.
   */
  async #revoke(token: Living, question: Question): Promise<void> {
    const [secret = "", ...others] = token.secrets;
    const { action, resource } = question;
    const racing = this.#replicas.numbers.map(async (number) => {
      const reply = await this.#replicas.call(check, { token: secret, action, resource }, number);
      if (!reply.ok) this.#undecided(reply, 1);
      else this.#judge(reply.value, [...expected(token, question), Reason.TOKEN_REVOKED], "beside its revocation");
    });
    await this.#replicas.insist(revokeToken, { id: token.id, reason: RevocationReason.REQUESTED });
    await this.#bury({ secret, reason: Reason.TOKEN_REVOKED });
    for (const other of others) await this.#bury({ secret: other, reason: Reason.TOKEN_REVOKED });
    await Promise.all(racing);
  }

  /** Checks that a secret is refused on every replica, and keeps it for later checks. */
  async #bury(dead: Dead): Promise<void> {
    await Promise.all(this.#replicas.numbers.map((number) => this.#askDead(dead, number)));
    if (this.#graveyard.length < graveyardSize) this.#graveyard.push(dead);
    else this.#graveyard[Math.floor(Math.random() * graveyardSize)] = dead;
  }

  async #askTheDead(): Promise<void> {
    if (this.#graveyard.length > 0) await this.#askDead(anyOf(this.#graveyard));
  }

  async #askDead({ secret, reason }: Dead, number?: number): Promise<void> {
    const request = { token: secret, action: "viewer", resource: "document:d0" };
    const reply = await this.#replicas.call(check, request, number);
    if (!reply.ok) return this.#undecided(reply, 1);
    // A token may have been revoked after one of its secrets was superseded.
    this.#judge(reply.value, [...new Set([reason, Reason.TOKEN_REVOKED])], "a dead secret");
  }

  /**
   * Counts calls without a decision. A failure with a reason of the service made no decision; after a failure of the
   * transport, the decision may have been lost.
   */
  #undecided({ reason }: Extract<Reply<never>, { ok: false }>, count: number): void {
    if (reason === undefined) this.#tally.undecided(count);
  }

  #judge({ allowed, reason }: CheckResponse, admitted: readonly Reason[], what: string): void {
    this.#tally.decided(reason);
    if (allowed !== (reason === Reason.ALLOWED) || !admitted.includes(reason))
      this.#tally.violated(
        `${what}: ${nameOf(reason)}, allowed ${allowed}; expected ${admitted.map(nameOf).join(" or ")}`,
      );
  }
}

function expected({ viewerOnly }: Living, { action, allowed }: Question): readonly Reason[] {
  if (viewerOnly && action !== "viewer") return [Reason.NOT_GRANTED];
  return [allowed ? Reason.ALLOWED : Reason.NOT_PERMITTED];
}

const nameOf = (reason: Reason) => enumToJson(ReasonSchema, reason);
