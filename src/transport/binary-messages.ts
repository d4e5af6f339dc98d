import { create, type DescMessage, fromBinary, type Message, toBinary } from "@bufbuild/protobuf";
import { refuseManyParts } from "./message-parts.js";
import { type Outgoing, undecodable } from "./service.js";

/** Throws a Failure for octets that are no such message. */
export function decode(desc: DescMessage, bytes: Uint8Array): Message {
  refuseManyParts(desc, bytes);
  try {
    return fromBinary(desc, bytes);
  } catch {
    throw undecodable();
  }
}

/** Returns a Buffer, as both engines of gRPC want. */
export function encode(desc: DescMessage, message: Outgoing): Buffer {
  const bytes = toBinary(desc, create(desc, message));
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
