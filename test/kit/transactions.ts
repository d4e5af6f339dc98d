// Follows the messages of PostgreSQL's protocol 3.0 on one connection, so that a proxy can strike between any two
// statements of a transaction.

/** What happens to a connection. */
export type Fault =
  /** Both sides see it closed. */
  | "cut"
  /** It stays open and nobody hears anything any more, not even that the other side has closed it: a lost host. */
  | "freeze"
  /** What the client says is lost, and that it closes; what the server says arrives. */
  | "swallow";

export interface Strike {
  /** Counted from 0, which is the first statement whose parameters hold the key. */
  readonly statement: number;
  /**
   * `asked`: it does not reach the server, which may have been asked to describe it. `answered`: the server has
   * executed it, and the client does not hear of it.
   */
  readonly when: "asked" | "answered";
  readonly fault: Fault;
}

/** A transaction on its way through the proxy. */
export interface Followed {
  /** Texts of the statements so far, from the one that holds the key on; COMMIT or ROLLBACK is the last. */
  readonly statements: readonly string[];
  /** Whether the fault has struck. */
  readonly struck: boolean;
  /** Ends what the fault has left open, and strikes no more. */
  end(): void;
}

export interface Following extends Followed {
  readonly key: string;
  readonly strike: Strike | undefined;
  readonly statements: string[];
  /** A transaction that holds the key was found: the next one is another's. */
  taken: boolean;
  struck: boolean;
  end: () => void;
}

/** Hands on whole messages. A client's first one has no type byte. */
export function messagesOf(from: "client" | "server", hear: (message: Buffer) => void): (chunk: Buffer) => void {
  let rest = Buffer.alloc(0);
  let typeLength = from === "client" ? 0 : 1;
  return (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= typeLength + 4) {
      // The length counts itself, and not the type.
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
 * Whether it is acted upon at once: the server keeps what it answers to the others until one of these comes, and
 * clients send them together.
 */
export const endsGroup = (message: Buffer): boolean => !"PBDEC".includes(String.fromCharCode(message[0] ?? 0));

/** The first message of a client that asks for TLS: its length and the code of SSLRequest. */
export const sslRequest = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]);

/** One connection. Both methods answer whether the message may pass; `strike` is called when a fault is due. */
export class Session {
  readonly #followings: readonly Following[];
  readonly #strike: (fault: Fault, following: Following) => void;
  /** By name; the unnamed one too. */
  readonly #texts = new Map<string, string>();
  /** Each ends with a ReadyForQuery: the greeting, each Sync, each simple Query. */
  #asked = 0;
  #answered = 0;
  #inTransaction = false;
  #following: Following | undefined;
  /** The answer to this one is not handed on; the fault is due when it is complete. */
  #awaited: { readonly round: number; readonly fault: Fault; readonly following: Following } | undefined;

  constructor(followings: readonly Following[], strike: (fault: Fault, following: Following) => void) {
    this.#followings = followings;
    this.#strike = strike;
  }

  fromClient(message: Buffer): boolean {
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
        // A portal's name, and a statement's.
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

  /**
   * Called before the statement's round has been counted. The driver sends BEGIN as a simple query and COMMIT as
   * any other statement.
   */
  #execute(text: string, message: Buffer): boolean {
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
