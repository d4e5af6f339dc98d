interface Block {
  /** The first word after the fence. */
  readonly kind: string;
  readonly text: string;
  /** The last line before the block, which names the file of a program. */
  readonly before: string;
  readonly isFirstCheck: boolean;
}

/**
 * Runs lines that print what is expected. It retries, because a Check must end within a second, and a busy
 * machine may be slower. Escape sequences are removed: Maven prints them even without a terminal.
 */
const shows = `shows() {
  local attempt
  for attempt in 1 2 3 4 5 6 7 8 9 10; do
    if bash -euo pipefail -c "$2" | sed 's/\\x1b\\[[0-9;]*m//g' | diff <(printf %s "$1") - >&2; then return; fi
  done
  return 1
}`;

/**
 * Returns a script that does what a client's README says under "First check": writes each program to the file that the
 * line before it names, runs the shell blocks, and compares their output with the `text` block that follows. Then it
 * runs the other shell blocks that name the checkout, `../patwarden`. Throws when the README shows no program or no
 * output.
 */
export function scriptOf(readme: string): string {
  const blocks = blocksOf(readme);
  const steps = blocks.filter(({ isFirstCheck }) => isFirstCheck);
  const others = blocks.filter(
    ({ isFirstCheck, kind, text }) => !isFirstCheck && kind === "sh" && text.includes("../patwarden"),
  );
  if (!steps.some(({ kind }) => kind === "text")) throw new Error('no output is shown under "First check"');
  if (!steps.some(({ kind }) => kind !== "text" && kind !== "sh")) throw new Error('no program under "First check"');
  return [shows, ...steps.map(commandOf), ...others.map(({ text }) => text)].join("\n");
}

function commandOf({ kind, text, before }: Block, index: number, blocks: readonly Block[]): string {
  if (kind === "text") return "";
  if (kind === "sh") {
    const next = blocks[index + 1];
    if (next?.kind !== "text") return text;
    return `shows ${quoted(next.text)} ${quoted(text)}`;
  }
  const file = /`([\w./-]+)`:$/.exec(before)?.[1];
  if (file === undefined) throw new Error(`the line before a block of ${kind} names no file: ${before}`);
  return `mkdir -p "$(dirname ${file})"\nprintf %s ${quoted(text)} >${file}`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function blocksOf(readme: string): readonly Block[] {
  const blocks: Block[] = [];
  let isFirstCheck = false;
  let before = "";
  const lines = readme.split("\n");
  for (let index = 0; index < lines.length; index++) {
    const line = lines[index] ?? "";
    const fence = /^```(\w*)/.exec(line);
    if (line.startsWith("## ")) isFirstCheck = line === "## First check";
    if (fence) {
      const end = lines.indexOf("```", index + 1);
      if (end < 0) throw new Error(`the block in line ${index + 1} has no end`);
      const text = `${lines.slice(index + 1, end).join("\n")}\n`;
      blocks.push({ kind: fence[1] ?? "", text, before, isFirstCheck });
      index = end;
    } else if (line !== "") before = line;
  }
  return blocks;
}
