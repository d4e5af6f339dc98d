/**
 * The length in bits of each octet's code, and of EOS as the last (RFC 7541 Appendix B). The code is canonical: codes
 * of one length are consecutive numbers in the order of their octets, so the lengths determine them all.
 */
const codeLengths: readonly number[] = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28,
  28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
  13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, 15, 5, 6, 5, 6,
  5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23,
  22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22,
  23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, 26, 26,
  20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27,
  27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27,
  27, 27, 27, 26, 30,
];
const eos = 256;

/** The inner nodes of the tree of codes. Those on the way to EOS, which is all ones, come first: node 3 is 111. */
const nodes = 256;
/** The node that no octet leads out of. */
const failed = nodes;
/** Set in an entry of the table when a code ended. */
const emits = 1 << 24;

/**
 * The next node for each node and each half of an octet, with the octet whose code ended on the way in bits 16 to 23.
 * The shortest code has five bits, so at most one ends in four. 16 KiB.
 */
const table = tableOf(treeOf(codeLengths));

/** Returns the two children of each node: a node, or the complement of an octet. */
function treeOf(lengths: readonly number[]): Int32Array {
  const children = new Int32Array(nodes * 2);
  let count = 1;
  const symbols = [...lengths.keys()].sort((a, b) => lengthOf(b) - lengthOf(a) || b - a);
  let code = 2 ** lengthOf(eos);
  let length = lengthOf(eos);
  for (const symbol of symbols) {
    code = (code >>> (length - lengthOf(symbol))) - 1;
    length = lengthOf(symbol);
    let node = 0;
    for (let bit = length - 1; bit > 0; bit--) {
      const child = node * 2 + ((code >>> bit) & 1);
      if (children[child] === 0) children[child] = count++;
      node = children[child] as number;
    }
    children[node * 2 + (code & 1)] = ~symbol;
  }
  return children;

  function lengthOf(symbol: number): number {
    return lengths[symbol] as number;
  }
}

function tableOf(children: Int32Array): Int32Array {
  const entries = new Int32Array((nodes + 1) * 16).fill(failed);
  for (let node = 0; node < nodes; node++) {
    for (let half = 0; half < 16; half++) entries[node * 16 + half] = entryOf(children, node, half);
  }
  return entries;
}

function entryOf(children: Int32Array, start: number, half: number): number {
  let node = start;
  let emitted = 0;
  for (let bit = 3; bit >= 0; bit--) {
    const child = children[node * 2 + ((half >>> bit) & 1)] as number;
    if (child === ~eos) return failed;
    if (child < 0) emitted = emits | (~child << 16);
    node = Math.max(child, 0);
  }
  return emitted | node;
}

/** Returns how many octets `decodeHuffman` needs to write to, at most. The shortest code has five bits. */
export function maxDecodedLength(length: number): number {
  return Math.floor((length * 8) / 5) + 1;
}

/**
 * Decodes the octets from start to end into the beginning of `target`. Returns how many octets it wrote. Returns -1
 * where the code is wrong: EOS inside, or an end that is not less than eight ones (RFC 7541 §5.2).
 */
export function decodeHuffman(octets: Uint8Array, start: number, end: number, target: Uint8Array): number {
  let node = 0;
  let length = 0;
  for (let at = start; at < end; at++) {
    const octet = octets[at] as number;
    const first = table[(node << 4) | (octet >>> 4)] as number;
    // An octet that was not emitted is overwritten by the next one.
    target[length] = first >>> 16;
    length += first >>> 24;
    const second = table[((first & 0x1ff) << 4) | (octet & 15)] as number;
    target[length] = second >>> 16;
    length += second >>> 24;
    node = second & 0x1ff;
  }
  return node < 8 ? length : -1;
}
