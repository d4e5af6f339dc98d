import { names } from "../hpack/field.js";
import type { ClientConnection } from "../http2/client-connection.js";
import type { FieldList } from "../http2/fields.js";
import { errorCodes, readUint32 } from "../http2/frames.js";
import { type Reset, Stream } from "../http2/streams.js";
import type { ClientCall } from "./client-call.js";
import { checkPrefix, MessageReader, type MessageSink, prefixLength } from "./messages.js";
import { decodeMessage } from "./metadata.js";
import { CallError, codes } from "./status.js";
import { codeOfHttpStatus, codeOfReset, codeOfStatus } from "./status-mapping.js";

/** The longest message of an answer, octets: as in grpc-go and grpc-js. */
export const maxAnswerLength = 4 * 1024 * 1024;

/** How much of the body of an answer that is not gRPC's is kept for the log, octets. */
const maxBody = 1_024;

/**
 * One attempt to make a call. **A unary answer counts only when its message is followed by trailers with
 * `grpc-status: 0`**, before the deadline: whatever is missing, doubled, cut or late makes an error of it.
 */
export class ClientStream extends Stream implements MessageSink {
  readonly call: ClientCall;
  /** The error that an answer has begun to be which is not gRPC's; its body is still read. */
  refusal: CallError | undefined = undefined;
  private readonly client: ClientConnection;
  /** Undefined as long as each message lies in one frame. */
  private reader: MessageReader | undefined = undefined;
  /** The message of a unary call. */
  private answer: Buffer | undefined = undefined;
  /** Octets of the messages that are complete. */
  private completed = 0;
  /** Octets of the message that is not, already given back: it is larger than the window has room for. */
  private ahead = 0;
  private body = "";

  constructor(connection: ClientConnection, call: ClientCall) {
    super(connection, 0);
    this.client = connection;
    this.call = call;
  }

  onHead(head: FieldList, isEnd: boolean): void {
    this.call.head = head;
    if (!head.isWhole) {
      this.fail(codes.resourceExhausted, "the fields of the answer are too long");
      return;
    }
    const status = Number(head.status);
    if (status !== 200 || !isGrpc(head.contentType)) {
      this.refuse(status, head.contentType);
      if (isEnd) this.endRefused();
      return;
    }
    if (isEnd) this.finish(head);
  }

  onData(octets: Buffer, start: number, end: number, isEnd: boolean): void {
    if (this.refusal) {
      this.body += octets.toString("latin1", start, Math.min(end, start + maxBody - this.body.length));
      if (isEnd || this.body.length >= maxBody) this.endRefused();
      return;
    }
    try {
      this.read(octets, start, end);
    } catch (thrown) {
      if (!(thrown instanceof CallError)) throw thrown;
      this.fail(thrown.code, thrown.message);
    }
    if (isEnd) {
      this.fail(codes.internal, "the answer ended without trailers");
      return;
    }
    // Otherwise a message that is longer than the window would never be complete.
    const begun = this.arrived - this.completed - this.ahead;
    if (begun * 4 >= this.connection.streamWindow) {
      this.ahead += begun;
      this.credit(begun);
    }
  }

  onTrailers(trailers: FieldList): void {
    if (this.refusal) this.endRefused();
    else if (!trailers.isWhole) this.fail(codes.resourceExhausted, "the trailers of the answer are too long");
    else this.finish(trailers);
  }

  onReset(code: number, why: Reset): void {
    const { call } = this;
    switch (why) {
      case "fault":
        call.end(codes.internal, "the answer breaks a rule of HTTP/2");
        break;
      case "unprocessed":
        this.endUnseen("the server has not looked at the call: it closes the connection");
        break;
      case "connection":
        if (this.client.wasWritten(this.id)) call.end(codes.unavailable, "the connection was lost");
        else this.endUnseen("the connection was lost before the call was sent");
        break;
      case "peer":
        if (code === errorCodes.refusedStream) this.endUnseen("Received RST_STREAM with code 7: the call was refused");
        else this.endByStatus(codeOfReset(code), `Received RST_STREAM with code ${code}`);
        break;
    }
  }

  /** Takes a message from the reader. */
  message(octets: Buffer, start: number, end: number, isCompressed: boolean): void {
    const length = prefixLength + end - start;
    const given = length - this.ahead;
    this.completed += length;
    this.ahead = 0;
    // None was offered.
    if (isCompressed) throw new CallError(codes.internal, "the answer is compressed");
    if (this.call.method.streams) {
      this.call.deliver(copy(octets, start, end), given);
    } else {
      if (this.answer) throw new CallError(codes.unimplemented, "two messages in the answer to a unary call");
      this.answer = copy(octets, start, end);
    }
  }

  private read(octets: Buffer, start: number, end: number): void {
    if (start === end) return;
    if (!this.reader) {
      const length = end - start - prefixLength;
      if (length >= 0 && readUint32(octets, start + 1) === length) {
        const flag = octets[start] as number;
        checkPrefix(flag, length, maxAnswerLength);
        this.message(octets, start + prefixLength, end, flag === 1);
        return;
      }
      this.reader = new MessageReader(this, maxAnswerLength);
    }
    this.reader.read(octets, start, end);
  }

  /** Decides what the answer is, by the fields at its end. */
  private finish(end: FieldList): void {
    const { call, reader, answer } = this;
    call.trailers = end;
    let status: string | undefined;
    let text = "";
    for (const { number, value } of end.fields) {
      if (number === names.grpcStatus) {
        if (status !== undefined) {
          this.fail(codes.unknown, "the answer has two of grpc-status");
          return;
        }
        status = value;
      } else if (number === names.grpcMessage) {
        text = value;
      }
    }
    const code = status === undefined ? codes.unknown : codeOfStatus(status);
    if (status === undefined) {
      this.fail(code, "the answer ended without gRPC status");
    } else if (code !== codes.ok) {
      this.endByStatus(code, decodeMessage(text));
    } else if (this.connection.now >= call.expiresAt) {
      // A process that was stopped reads before its timers fire, and what was true may be so no longer.
      call.end(codes.deadlineExceeded, "the deadline has passed");
    } else if (reader?.isInside) {
      call.end(codes.internal, "the answer ended inside a message");
    } else if (call.method.streams) {
      call.end(codes.ok, "");
    } else if (!answer) {
      call.end(codes.unimplemented, "no message in the answer to a unary call");
    } else {
      call.deliver(answer, 0);
      call.end(codes.ok, "");
    }
  }

  private refuse(status: number, contentType: string | undefined): void {
    if (status === 200) this.refusal = new CallError(codes.unknown, `content-type ${contentType}, without gRPC status`);
    else this.refusal = new CallError(codeOfHttpStatus(status), `HTTP status ${status}, without gRPC status`);
  }

  private endRefused(): void {
    const { code, message } = this.refusal as CallError; // only called when there is one
    this.fail(code, this.body === "" ? message : `${message}: ${this.body}`);
  }

  private endUnseen(text: string): void {
    // A server that has answered has looked.
    if (this.headSeen || !this.call.owner?.sendAgain(this.call)) this.call.end(codes.unavailable, text);
  }

  private endByStatus(code: number, text: string): void {
    const isLate = code === codes.cancelled && this.connection.now >= this.call.expiresAt;
    this.call.end(isLate ? codes.deadlineExceeded : code, text);
  }

  private fail(code: number, text: string): void {
    if (!this.remoteEnded || !this.localEnded) this.connection.resetStream(this, errorCodes.cancel);
    this.call.end(code, text);
  }
}

function isGrpc(contentType: string | undefined): boolean {
  if (contentType === "application/grpc") return true;
  return contentType !== undefined && /^application\/grpc(?:\+proto)?(?:;|$)/.test(contentType);
}

/** Octets of a connection are valid only until its callback returns. */
function copy(octets: Buffer, start: number, end: number): Buffer {
  const copied = Buffer.allocUnsafe(end - start);
  octets.copy(copied, 0, start, end);
  return copied;
}
