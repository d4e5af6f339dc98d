import { ClientCall } from "./client-call.js";
import { codes } from "./status.js";

/**
 * A call whose messages are taken one by one. What is not taken stays with the server, but for the window of a stream,
 * so that a slow reader costs bounded memory.
 */
export class ServerStreamCall extends ClientCall {
  /** How it ended; -1 as long as it has not. */
  code = -1;
  text = "";
  #messages: Buffer[] = [];
  #octets: number[] = [];
  #wake: (() => void) | undefined = undefined;

  /** Resolves to the next message, or undefined when there is none: then `code` says why. */
  async next(): Promise<Buffer | undefined> {
    while (this.#messages.length === 0 && this.code < 0) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    this.credit(this.#octets.shift() ?? 0);
    return this.#messages.shift();
  }

  /** Ends the call, and drops what has not been taken. */
  leave(): void {
    this.cancel();
    this.#messages = [];
    this.#octets = [];
  }

  get isComplete(): boolean {
    return this.code === codes.ok;
  }

  protected onMessage(message: Buffer, octets: number): void {
    this.#messages.push(message);
    this.#octets.push(octets);
    this.#wake?.();
  }

  protected onEnd(code: number, text: string): void {
    this.code = code;
    this.text = text;
    this.#wake?.();
  }
}
