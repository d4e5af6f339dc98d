import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type BlockLimits, HpackDecoder, HpackError } from "./decoder.js";
import { type Field, names } from "./field.js";

const limits: BlockLimits = { listSize: 16_384, fields: 128, decoded: 32_768, decodedFields: 1_000 };

type Pair = readonly [name: string, value: string];

function fieldsOf(decoder: HpackDecoder, hex: string): readonly Field[] {
  const fields: Field[] = [];
  const block = Buffer.from(hex.replaceAll(/\s/g, ""), "hex");
  decoder.decode(block, 0, block.length, { add: (field) => fields.push(field) });
  return fields;
}
const pairsOf = (decoder: HpackDecoder, hex: string): readonly Pair[] =>
  fieldsOf(decoder, hex).map(({ name, value }) => [name, value]);

/** Returns the dynamic table, the newest entry first, by a reference to each entry. */
function tableOf(decoder: HpackDecoder): readonly Pair[] {
  const entries: Pair[] = [];
  for (let index = 62; index < 127; index++) {
    try {
      entries.push(...pairsOf(decoder, (0x80 | index).toString(16)));
    } catch {
      break;
    }
  }
  return entries;
}

function errorOf(decoder: HpackDecoder, hex: string): HpackError {
  try {
    fieldsOf(decoder, hex);
  } catch (error) {
    if (error instanceof HpackError) return error;
    throw error;
  }
  throw new Error("decoded");
}

const hex = (text: string): string => Buffer.from(text, "latin1").toString("hex");
/** A string literal, as hex. */
function literal(text: string): string {
  const length = [Math.min(text.length, 127)];
  for (let rest = text.length - 127; rest >= 0; rest = rest < 128 ? -1 : rest >> 7) {
    length.push(rest < 128 ? rest : (rest & 127) | 128);
  }
  return Buffer.from(length).toString("hex") + hex(text);
}
/** A literal that is added to the table, as hex. */
const added = (name: string, value: string): string => `40${literal(name)}${literal(value)}`;

/** Blocks of one connection, with the table after each. */
interface Example {
  readonly blocks: readonly (readonly [hex: string, fields: readonly Pair[], table: readonly Pair[]])[];
}

const requests = (first: string, second: string, third: string): Example => {
  const host: Pair = [":authority", "www.example.com"];
  const noCache: Pair = ["cache-control", "no-cache"];
  const custom: Pair = ["custom-key", "custom-value"];
  const get = (scheme: string, path: string): Pair[] => [
    [":method", "GET"],
    [":scheme", scheme],
    [":path", path],
    host,
  ];
  return {
    blocks: [
      [first, get("http", "/"), [host]],
      [second, [...get("http", "/"), noCache], [noCache, host]],
      [third, [...get("https", "/index.html"), custom], [custom, noCache, host]],
    ],
  };
};

const responses = (first: string, second: string, third: string): Example => {
  const privately: Pair = ["cache-control", "private"];
  const date = (second: number): Pair => ["date", `Mon, 21 Oct 2013 20:13:${second} GMT`];
  const location: Pair = ["location", "https://www.example.com"];
  const gzip: Pair = ["content-encoding", "gzip"];
  const cookie: Pair = ["set-cookie", "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1"];
  return {
    blocks: [
      [first, [[":status", "302"], privately, date(21), location], [location, date(21), privately, [":status", "302"]]],
      [
        second,
        [[":status", "307"], privately, date(21), location],
        [[":status", "307"], location, date(21), privately],
      ],
      [third, [[":status", "200"], privately, date(22), location, gzip, cookie], [cookie, gzip, date(22)]],
    ],
  };
};

describe("the examples of RFC 7541 Appendix C", () => {
  it.each<[string, string, Pair, boolean]>([
    ["C.2.1", "400a637573746f6d2d6b65790d637573746f6d2d686561646572", ["custom-key", "custom-header"], true],
    ["C.2.2", "040c2f73616d706c652f70617468", [":path", "/sample/path"], false],
    ["C.2.3", "100870617373776f726406736563726574", ["password", "secret"], false],
    ["C.2.4", "82", [":method", "GET"], false],
  ])("%s", (_, block, field, isKept) => {
    const decoder = new HpackDecoder(limits);
    expect(pairsOf(decoder, block)).toEqual([field]);
    expect(tableOf(decoder)).toEqual(isKept ? [field] : []);
  });

  it.each<[string, number, Example]>([
    [
      "C.3",
      4096,
      requests(
        "828684410f7777772e6578616d706c652e636f6d",
        "828684be58086e6f2d6361636865",
        "828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565",
      ),
    ],
    [
      "C.4, Huffman",
      4096,
      requests(
        "828684418cf1e3c2e5f23a6ba0ab90f4ff",
        "828684be5886a8eb10649cbf",
        "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf",
      ),
    ],
    [
      "C.5, evictions",
      256,
      responses(
        `4803333032580770726976617465611d4d6f6e2c203231204f637420323031332032303a31333a323120474d54
         6e1768747470733a2f2f7777772e6578616d706c652e636f6d`,
        "4803333037c1c0bf",
        `88c1611d4d6f6e2c203231204f637420323031332032303a31333a323220474d54c05a04677a69707738666f6f
         3d4153444a4b48514b425a584f5157454f50495541585157454f49553b206d61782d6167653d333630303b2076
         657273696f6e3d31`,
      ),
    ],
    [
      "C.6, evictions and Huffman",
      256,
      responses(
        "488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97c8e9ae82ae43d3",
        "4883640effc1c0bf",
        `88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7b335df
         dfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007`,
      ),
    ],
  ])("%s", (_, tableSize, { blocks }) => {
    const decoder = new HpackDecoder(limits, tableSize);
    for (const [block, fields, table] of blocks) {
      expect(pairsOf(decoder, block)).toEqual(fields);
      expect(tableOf(decoder)).toEqual(table);
    }
  });
});

describe("a field", () => {
  it("is the same object at each reference to it", () => {
    const decoder = new HpackDecoder(limits);
    const [first, second, third] = fieldsOf(decoder, `${added("a", "b")}bebe`);
    expect(second).toBe(first);
    expect(third).toBe(first);
  });

  it.each<[string, string, number, boolean]>([
    ["a well-known name", `00${literal("te")}${literal("trailers")}`, names.te, true],
    ["a name of the static table", `04${literal("/")}`, names.path, true],
    ["a name of the static table that nobody asks for", `0f11${literal("c")}`, 0, true],
    ["another name", `00${literal("x")}${literal("y")}`, 0, true],
    ["an empty name and value (CVE-2019-9516)", "000000", 0, false],
    ["an empty value", `00${literal("x")}00`, 0, true],
    ["an upper-case name", `00${literal("Te")}${literal("trailers")}`, 0, false],
    ["a colon inside a name", `00${literal("a:b")}${literal("y")}`, 0, false],
    ["a new pseudo-field", `00${literal(":x")}${literal("y")}`, 0, true],
    ["a line break in a value", `04${literal("/\r\nx: y")}`, names.path, false],
    ["a space before a value", `00${literal("x")}${literal(" y")}`, 0, false],
    ["a Huffman value with a line feed", "04 84 fffffff3", names.path, false],
  ])("with %s", (_, block, number, isValid) => {
    expect(fieldsOf(new HpackDecoder(limits), block)).toMatchObject([{ number, isValid }]);
  });

  it("with a name of the dynamic table is judged by both", () => {
    const decoder = new HpackDecoder(limits);
    // The names of entries 65 to 62, with a good value each.
    const block = `${added("A", "y")}${added("a", " y")}${added("te", "\0")}${added("", "y")}`;
    expect(fieldsOf(decoder, block).map(({ isValid }) => isValid)).toEqual([false, false, false, false]);
    const good = literal("z");
    const fields = fieldsOf(decoder, `0f32${good}0f31${good}0f30${good}0f2f${good}`);
    expect(fields.map(({ name, number, isValid }) => [name, number, isValid])).toEqual([
      ["A", 0, false],
      ["a", 0, true],
      ["te", names.te, true],
      ["", 0, false],
    ]);
  });

  it("may have strings of any length and code", () => {
    // "0" has the code 00000: 4,096 octets of zeros are 6,553 characters, and three bits are left over.
    const zeros = `ff${"811f"}${"00".repeat(4095)}07`;
    const [field] = fieldsOf(new HpackDecoder(limits), `00${literal("n".repeat(5000))}${zeros}`);
    expect(field?.name).toBe("n".repeat(5000));
    expect(field?.value).toBe("0".repeat(6553));
  });

  it("may be sent once more although the block is over: a literal is never shared with the block", () => {
    const decoder = new HpackDecoder(limits);
    const block = Buffer.from(added("abc", "def"), "hex");
    const fields: Field[] = [];
    decoder.decode(block, 0, block.length, { add: (field) => fields.push(field) });
    block.fill(0);
    expect(tableOf(decoder)).toEqual([["abc", "def"]]);
  });
});

describe("the dynamic table", () => {
  it("evicts before it inserts, with a name of the entry that is evicted (RFC 7541 §4.4)", () => {
    const decoder = new HpackDecoder(limits, 64);
    expect(pairsOf(decoder, `${added("name", "old")}7e${literal("new value")}`)).toEqual([
      ["name", "old"],
      ["name", "new value"],
    ]);
    expect(tableOf(decoder)).toEqual([["name", "new value"]]);
  });

  it("is emptied by an entry that is larger", () => {
    const decoder = new HpackDecoder(limits, 64);
    fieldsOf(decoder, added("a", "b"));
    expect(pairsOf(decoder, added("a", "b".repeat(32)))).toEqual([["a", "b".repeat(32)]]);
    expect(tableOf(decoder)).toEqual([]);
  });

  it("keeps the size of an update for later blocks", () => {
    const decoder = new HpackDecoder(limits);
    fieldsOf(decoder, added("a", "1") + added("b", "2") + added("c", "3"));
    // 68 = 31 + 37: two of the three.
    fieldsOf(decoder, "3f25");
    expect(tableOf(decoder)).toEqual([
      ["c", "3"],
      ["b", "2"],
    ]);
    fieldsOf(decoder, added("d", "4"));
    expect(tableOf(decoder)).toEqual([
      ["d", "4"],
      ["c", "3"],
    ]);
    fieldsOf(decoder, "20");
    expect(tableOf(decoder)).toEqual([]);
  });

  it("may shrink and grow at the start of a block, the most that an encoder must say (RFC 7541 §4.2)", () => {
    const decoder = new HpackDecoder(limits);
    fieldsOf(decoder, added("a", "1"));
    expect(pairsOf(decoder, `20 3fe11f 82 ${added("b", "2")}`)).toEqual([
      [":method", "GET"],
      ["b", "2"],
    ]);
    expect(tableOf(decoder)).toEqual([["b", "2"]]);
  });

  it("has the size that we announced, even if that is 0", () => {
    const decoder = new HpackDecoder(limits, 0);
    expect(pairsOf(decoder, `20${added("a", "1")}`)).toEqual([["a", "1"]]);
    expect(tableOf(decoder)).toEqual([]);
    expect(errorOf(decoder, "21").flood).toBe(false);
  });
});

describe("a block is refused", () => {
  it.each<[string, string]>([
    ["with index 0", "80"],
    ["with an index beyond both tables", "be"],
    ["with a name beyond both tables", "7e00"],
    ["with a name beyond both tables, not added", "0f2f00"],
    ["with a huge index", "ffffffff7f"],
    ["with an index that overflows (GHSA-w3f6-pc54-gfw7)", "ffffffffff0f"],
    ["that ends in an index", "ff80"],
    ["that ends after the first octet of a literal", "40"],
    ["that ends before a value", "4001 61"],
    ["with a name that is too long", "4002 61"],
    ["with a value that is too long", "4001 61 02 62"],
    ["with a length that overflows", "4001 61 7fffffffffff01"],
    ["with a length of more than all", "4001 61 7fffffff7f 62"],
    ["with EOS in a string", "0484ffffffff"],
    ["with padding of eight bits", "0482f8ff"],
    ["with padding that is not ones", "048100"],
    ["with a Huffman name that is wrong", "008100 00"],
    ["with a table size over the announced one", "3fe21f"],
    ["with a table size that overflows", "3fffffffffff01"],
    ["that ends in a table size", "3f80"],
    ["with a table size after a field", "8220"],
    ["with a table size after a literal", `00${literal("a")}${literal("b")}20`],
    ["with three table sizes", "202020"],
  ])("%s", (_, block) => {
    const decoder = new HpackDecoder(limits);
    const error = errorOf(decoder, block);
    expect(error.flood).toBe(false);
    expect(error.message).not.toBe("");
  });

  it("but not with the largest table size, or the last index", () => {
    const decoder = new HpackDecoder(limits);
    expect(pairsOf(decoder, `3fe11f bd ${added("a", "b")} be`)).toEqual([
      ["www-authenticate", ""],
      ["a", "b"],
      ["a", "b"],
    ]);
  });

  it("but not for being empty", () => {
    expect(fieldsOf(new HpackDecoder(limits), "")).toEqual([]);
  });
});

describe("the limits of a list", () => {
  const decode = (decoder: HpackDecoder, block: string) => {
    const fields: Pair[] = [];
    const octets = Buffer.from(block, "hex");
    const isWithin = decoder.decode(octets, 0, octets.length, { add: ({ name, value }) => fields.push([name, value]) });
    return { isWithin, fields };
  };

  it.each<[string, string, number]>([
    ["two literals", `00${literal("a")}${literal("b")}`.repeat(2), 68],
    ["two references", "8282", 84],
    ["two references to a new entry", `${added("a", "b")}be`, 68],
    // "a" has the code 00011.
    ["two Huffman literals", "00811f811f".repeat(2), 68],
  ])("count 32 octets with each of %s", (_, block, size) => {
    expect(decode(new HpackDecoder({ ...limits, listSize: size }), block)).toMatchObject({ isWithin: true });
    const { isWithin, fields } = decode(new HpackDecoder({ ...limits, listSize: size - 1 }), block);
    expect(isWithin).toBe(false);
    expect(fields).toHaveLength(1);
  });

  it("count fields, references too", () => {
    const decoder = new HpackDecoder({ ...limits, fields: 3 });
    expect(decode(decoder, "828282").isWithin).toBe(true);
    expect(decode(decoder, "82828282")).toEqual({ isWithin: false, fields: Array(3).fill([":method", "GET"]) });
    expect(decode(decoder, "828282000000").isWithin).toBe(false);
  });

  it("let no small field in behind one that was too large", () => {
    const decoder = new HpackDecoder({ ...limits, listSize: 100 });
    expect(decode(decoder, `82 00${literal("a")}${literal("b".repeat(100))} 82`.replaceAll(" ", ""))).toEqual({
      isWithin: false,
      fields: [[":method", "GET"]],
    });
  });

  it("do not change the table: what is not passed on is added all the same", () => {
    const decoder = new HpackDecoder({ ...limits, listSize: 100 });
    const block = `${added("big", "b".repeat(100))}${added("a", "1")}00${literal("x")}${literal("y")}be7e${literal("2")}`;
    expect(decode(decoder, block)).toEqual({ isWithin: false, fields: [] });
    expect(tableOf(decoder)).toEqual([
      ["a", "2"],
      ["a", "1"],
      // Too large to be passed on here too, so the helper does not see it.
    ]);
    expect(errorOf(decoder, "c1").flood).toBe(false);
    expect(decode(decoder, "c0").isWithin).toBe(false);
  });

  it("do not keep an entry that is larger than the table either", () => {
    const decoder = new HpackDecoder({ ...limits, listSize: 100 }, 64);
    fieldsOf(decoder, added("a", "1"));
    expect(decode(decoder, added("b", "2".repeat(100)))).toEqual({ isWithin: false, fields: [] });
    expect(tableOf(decoder)).toEqual([]);
  });

  it("apply to each block on its own", () => {
    const decoder = new HpackDecoder({ ...limits, listSize: 100, decoded: 200 });
    for (let block = 0; block < 10; block++) expect(decode(decoder, "8282").isWithin).toBe(true);
    expect(decode(decoder, "828282").isWithin).toBe(false);
    expect(decode(decoder, "8282").isWithin).toBe(true);
  });

  it("end the connection at too many fields, however small", () => {
    const decoder = new HpackDecoder({ ...limits, decodedFields: 200 });
    expect(decode(decoder, "82".repeat(200)).isWithin).toBe(false);
    expect(errorOf(decoder, "82".repeat(201)).flood).toBe(true);
    expect(errorOf(new HpackDecoder({ ...limits, decodedFields: 200 }), "000000".repeat(201)).flood).toBe(true);
  });

  it.each<[string, string, string]>([
    // 42 octets each: 780 fields are 32,760.
    ["references (CVE-2026-49975)", "82".repeat(780), "82".repeat(781)],
    // 4,096 octets each.
    [
      "references to a large entry (CVE-2016-6581)",
      `${added("a", "b".repeat(4063))}${"be".repeat(7)}`,
      `${added("a", "b".repeat(4063))}${"be".repeat(8)}`,
    ],
    ["one string", `000161${literal("b".repeat(32_735))}`, `000161${literal("b".repeat(32_736))}`],
  ])("end the connection at twice as much: %s", (_, most, tooMuch) => {
    expect(decode(new HpackDecoder(limits), most).isWithin).toBe(false);
    expect(errorOf(new HpackDecoder(limits), tooMuch).flood).toBe(true);
  });
});

describe("any octets", () => {
  /** A piece of a block that is often right. */
  const piece = fc.oneof(
    fc.integer({ min: 0x80, max: 0xc8 }).map((octet) => [octet]),
    fc
      .tuple(fc.constantFrom(0x40, 0, 0x10), fc.uint8Array({ maxLength: 5 }), fc.uint8Array({ maxLength: 60 }))
      .map(([first, name, value]) => [first, name.length, ...name, value.length, ...value]),
    fc
      .tuple(fc.integer({ min: 0x41, max: 0x7e }), fc.constantFrom([0x82, 0x64, 0x02], [0x01, 0x41]))
      .map(([first, value]) => [first, ...value]),
    fc.integer({ min: 0x20, max: 0x3f }).map((octet) => [octet]),
    fc.uint8Array({ maxLength: 6 }).map((octets) => [...octets]),
  );
  const blocks = fc.array(
    fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.flat()),
    { minLength: 1, maxLength: 5 },
  );
  const small: BlockLimits = { listSize: 200, fields: 8, decoded: 600, decodedFields: 16 };

  /** Decodes blocks that stand between octets of one kind. */
  function outcome(list: readonly (readonly number[])[], around: number): readonly unknown[] {
    const decoder = new HpackDecoder(small, 128);
    const outcomes: unknown[] = [];
    for (const block of list) {
      const octets = Buffer.from([around, around, ...block, around, around]);
      const fields: Field[] = [];
      try {
        const isWithin = decoder.decode(octets, 2, octets.length - 2, { add: (field) => fields.push(field) });
        outcomes.push([isWithin, ...fields]);
        expect(fields.length).toBeLessThanOrEqual(8);
        expect(fields.reduce((sum, { size }) => sum + size, 0)).toBeLessThanOrEqual(200);
      } catch (error) {
        if (!(error instanceof HpackError)) throw error;
        outcomes.push([error.message, ...fields]);
        break;
      }
    }
    return outcomes;
  }

  it("are decoded or refused, without a look at what stands around them", () => {
    fc.assert(
      fc.property(blocks, (list) => {
        const outcomes = outcome(list, 0);
        expect(outcome(list, 0xff)).toEqual(outcomes);
        expect(outcome(list, 0x82)).toEqual(outcomes);
      }),
      { numRuns: 1000 },
    );
  });
});
