// Writes the patched copy of the PostgreSQL driver; node_modules is not changed.
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { common, mends, version } from "./mends.mjs";

const installed = fileURLToPath(new URL("../../node_modules/postgres/", import.meta.url));

/**
 * Writes the copy to `folder`, `without` the mends of these names. Throws when the installed driver is not the version
 * that the mends were written for.
 */
export function writeDriver(folder, { without = [] } = {}) {
  const found = JSON.parse(readFileSync(`${installed}package.json`, "utf8")).version;
  if (found !== version) throw new Error(`postgres is ${found}, and tools/driver/mends.mjs was written for ${version}`);
  const applied = mends.filter(({ name }) => !without.includes(name));
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  cpSync(`${installed}src`, folder, { recursive: true });
  const texts = new Map();
  for (const [file, before, after] of [...common, ...applied.flatMap(({ changes }) => changes)]) {
    const text = texts.get(file) ?? readFileSync(`${folder}/${file}`, "utf8");
    if (text.split(before).length !== 2)
      throw new Error(`${file} of postgres does not contain exactly once: ${before}`);
    texts.set(
      file,
      text.replace(before, () => after),
    );
  }
  for (const [file, text] of texts) writeFileSync(`${folder}/${file}`, text);
  const names = JSON.stringify(applied.map(({ name }) => name));
  writeFileSync(
    `${folder}/driver.js`,
    `export { clock, default } from "./index.js";\nexport const mends = ${names};\nexport const home = new URL(".", import.meta.url).href;\n`,
  );
  cpSync(fileURLToPath(new URL("driver.d.ts", import.meta.url)), `${folder}/driver.d.ts`);
}
