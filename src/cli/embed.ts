import { hash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { builtElement, elementsPath } from "../console/files.js";
import type { Printing } from "./options.js";
import { print } from "./output.js";

/**
 * Prints the line of HTML by which a page loads the element from a running server, pinned by the hash of this version's
 * file. `origin` is the address of the public port or the console, as browsers reach it.
 */
export async function embed(origin: URL, { json }: Printing): Promise<void> {
  const file = "patwarden-tokens.js";
  const integrity = `sha384-${hash("sha384", readFileSync(join(builtElement, file)), "base64")}`;
  const src = new URL(`${elementsPath}/${file}`, origin).href;
  const line = `<script type="module" src="${src}" integrity="${integrity}" crossorigin></script>`;
  await print(json, { src, integrity }, line);
}
