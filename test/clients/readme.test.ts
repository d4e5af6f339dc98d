import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { scriptOf } from "./readme.js";

const readme = `# A client

## First check

\`\`\`sh
mkdir hello && cd hello
export word=Hello
\`\`\`

Put this into \`src/who.txt\`:

\`\`\`txt
it's \${me}
\`\`\`

\`\`\`sh
echo "$word, $(cat src/who.txt)"
\`\`\`

\`\`\`text
Hello, it's \${me}
\`\`\`

## More

\`\`\`sh
echo ../patwarden >>more
\`\`\`

\`\`\`sh
exit 3
\`\`\`
`;

describe("the script of a README", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "patwarden-readme-"));
  });
  afterEach(() => rmSync(folder, { recursive: true }));
  const run = (text: string): string =>
    execFileSync("bash", ["-euo", "pipefail", "-c", scriptOf(text)], { cwd: folder, encoding: "utf8", stdio: "pipe" });

  it("runs what is shown, in one shell, and what names the checkout", () => {
    run(readme);
    expect(execFileSync("cat", ["hello/more"], { cwd: folder, encoding: "utf8" })).toBe("../patwarden\n");
  });

  it.each([
    ["the output is another", readme.replace("Hello, it's", "Hello, it is")],
    ["a line fails", readme.replace("word=Hello", "word=Hello; false")],
    ["a line that shows output fails", readme.replace('src/who.txt)"\n', 'src/who.txt)"; false\n')],
    ["a later line that names the checkout fails", readme.replace("exit 3", "test ../patwarden = there")],
  ])("fails when %s", (_, text) => {
    expect(text).not.toBe(readme);
    expect(() => run(text)).toThrow();
  });

  it.each([
    ["there is no output", readme.replace("```text", "```")],
    ["there is no program", readme.replaceAll("```txt", "```sh")],
    ["a program has no file", readme.replace("Put this into", "This is").replace("`src/who.txt`:", "it:")],
    ["the section is missing", readme.replace("## First check", "## Another")],
  ])("cannot be made when %s", (_, text) => {
    expect(text).not.toBe(readme);
    expect(() => scriptOf(text)).toThrow();
  });
});
