import type { Readable } from "node:stream";
import type { Any } from "@bufbuild/protobuf/wkt";
import type { Header } from "./gen/connectrpc/conformance/v1/conformance_pb.js";
import type { Field } from "./raw-server.js";

/** Reads messages of a stream, each behind its length in 4 octets, as connectconformance writes them. */
export async function* delimited(stream: Readable): AsyncGenerator<Buffer> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of stream) {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= 4 && rest.length >= 4 + rest.readUInt32BE(0)) {
      const end = 4 + rest.readUInt32BE(0);
      yield rest.subarray(4, end);
      rest = rest.subarray(end);
    }
  }
}

/** Returns the message behind its length in 4 octets. */
export function withLength(message: Uint8Array): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(message.length);
  return Buffer.concat([length, message]);
}

/** Returns the fields of the suite's headers. Those whose names end in `-bin` are base64 there. */
export function fieldsFrom(headers: readonly Header[]): readonly Field[] {
  return headers.flatMap(({ name, value }) =>
    value.map(
      (each): Field => [name.toLowerCase(), name.toLowerCase().endsWith("-bin") ? Buffer.from(each, "base64") : each],
    ),
  );
}

/** Returns the suite's headers for these fields: one for each name. */
export function headersFrom(fields: readonly Field[]): { name: string; value: string[] }[] {
  const byName = new Map<string, string[]>();
  for (const [name, value] of fields) {
    const text = typeof value === "string" ? value : Buffer.from(value).toString("base64").replace(/=+$/, "");
    byName.set(name, [...(byName.get(name) ?? []), text]);
  }
  return [...byName].map(([name, value]) => ({ name, value }));
}

/** Packs a message of this type that is encoded already. */
export function anyOf(typeName: string, value: Uint8Array): Pick<Any, "typeUrl" | "value"> {
  return { typeUrl: `type.googleapis.com/${typeName}`, value };
}
