// Follows the messages of PostgreSQL's protocol 3.0 on one connection, so that a proxy can cause a fault between any
// two statements of a transaction.

/** A fault of a connection. */
export type Fault =
  /** Both sides see it closed. */
  | "cut"
  /** It stays open, but neither side gets anything any more, not even the other side's close: a lost host. */
  | "freeze"
  /** The client's messages and its close are lost; the server's messages arrive. */
  | "swallow";

export interface Strike {
  /** Counted from 0, the first statement whose parameters contain the key. */
  readonly statement: number;
  /**
   * `asked`: the statement does not reach the server, which may have been asked to describe it. `answered`: the server
   * has executed it, but the client does not get the answer.
   */
  readonly when: "asked" | "answered";
  readonly fault: Fault;
}

/** A transaction that passes through the proxy. */
export interface Followed {
  /** Texts of the statements so far, from the one with the key; COMMIT or ROLLBACK is the last. */
  readonly statements: readonly string[];
  /** Whether the fault has happened. */
  readonly struck: boolean;
  /** Ends what the fault has left open, and causes no more faults. */
  end(): void;
}

export interface Following extends Followed {
  readonly key: string;
  readonly strike: Strike | undefined;
  readonly statements: string[];
  /** Whether a transaction with the key was found: the next one is another change's. */
  taken: boolean;
  struck: boolean;
  end: () => void;
}

/** A statement that a client has sent to be executed. */
export interface Sent {
  readonly text: string;
  /** The number of its connection. */
  readonly connection: number;
  /** The number of the round trip of its connection: statements that are sent together share one. */
  readonly round: number;
}

/** Calls back with whole messages. The first one of a client has no type byte. */
export function messagesOf(from: "client" | "server", hear: (message: Buffer) => void): (chunk: Buffer) => void {
  let rest = Buffer.alloc(0);
  let typeLength = from === "client" ? 0 : 1;
  return (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= typeLength + 4) {
      // The length includes itself, but not the type.
      const end = typeLength + rest.readUInt32BE(typeLength);
      if (rest.length < end) return;
      const message = rest.subarray(0, end);
      rest = rest.subarray(end);
      typeLength = 1;
      hear(message);
    }
  };
}

/**
 * Returns whether the server acts on the message at once: it holds its answers to the others until one of these comes,
 * and clients send them together.
 */
export const endsGroup = (message: Buffer): boolean => !"PBDEC".includes(String.fromCharCode(message[0] ?? 0));

/** The first message of a client that asks for TLS: its length and the code of SSLRequest. */
export const sslRequest = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]);

/**
 * The state of one connection. Both methods return whether the message may pass. Calls `strike` when a fault is due.
 */
export class Session {
  readonly #followings: readonly Following[];
  readonly #strike: (fault: Fault, following: Following) => void;
  readonly #onSent: (text: string, round: number) => void;
  /** Statements by name, including the unnamed one. */
  readonly #texts = new Map<string, string>();
  /** Requests that end with a ReadyForQuery: the greeting, each Sync, each simple Query. */
  #asked = 0;
  #answered = 0;
  #round = 0;
  /** Whether the server has sent something since the client did. */
  #heard = true;
  #inTransaction = false;
  #following: Following | undefined;
  /** The answer to this request is not passed on; the fault is due when the answer is complete. */
  #awaited: { readonly round: number; readonly fault: Fault; readonly following: Following } | undefined;

  constructor(
    followings: readonly Following[],
    strike: (fault: Fault, following: Following) => void,
    onSent: (text: string, round: number) => void,
  ) {
    this.#followings = followings;
    this.#strike = strike;
    this.#onSent = onSent;
  }

  fromClient(message: Buffer): boolean {
    if (this.#heard) this.#round++;
    this.#heard = false;
    // The greeting.
    if (this.#asked === 0) {
      this.#asked = 1;
      return true;
    }
    const type = String.fromCharCode(message[0] ?? 0);
    switch (type) {
      case "P": {
        const [name = "", text = ""] = message.toString("utf8", 5).split("\0", 2);
        this.#texts.set(name, text);
        return true;
      }
      case "B":
        // The names of a portal and of a statement.
        return this.#execute(this.#texts.get(message.toString("latin1", 5).split("\0", 2)[1] ?? "") ?? "", message);
      case "Q": {
        const text = message.toString("utf8", 5, message.length - 1);
        const passes = this.#execute(text, message);
        this.#asked++;
        return passes;
      }
      case "S":
        this.#asked++;
        return true;
      default:
        return true;
    }
  }

  /** Called before the statement's round has been counted. */
  #execute(text: string, message: Buffer): boolean {
    this.#onSent(text, this.#round);
    if (/^\s*begin\b/i.test(text)) this.#inTransaction = true;
    if (!this.#inTransaction) return true;
    this.#following ??= this.#followings.find(({ key, taken }) => !taken && message.includes(key));
    const following = this.#following;
    if (/^\s*(commit|rollback)\b/i.test(text)) {
      this.#inTransaction = false;
      this.#following = undefined;
    }
    if (!following) return true;
    following.taken = true;
    const statement = following.statements.push(text) - 1;
    const { strike } = following;
    if (strike?.statement !== statement || following.struck) return true;
    if (strike.when === "answered") {
      this.#awaited = { round: this.#asked + 1, fault: strike.fault, following };
      return true;
    }
    following.struck = true;
    this.#strike(strike.fault, following);
    return false;
  }

  fromServer(message: Buffer): boolean {
    this.#heard = true;
    const complete = message[0] === "Z".charCodeAt(0);
    if (complete) this.#answered++;
    const awaited = this.#awaited;
    if (!awaited || this.#answered + (complete ? 0 : 1) < awaited.round) return true;
    if (complete) {
      this.#awaited = undefined;
      awaited.following.struck = true;
      this.#strike(awaited.fault, awaited.following);
    }
    return false;
  }
}
