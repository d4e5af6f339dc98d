// Builds the console's page into dist/page/ and the element into dist/elements/, from console/ and dist/gen/. What
// was built is kept in .tools/ until one of the inputs changes.
import { createHash } from "node:crypto";
import { cpSync, existsSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const root = "console";
const inputs = [root, "gen/patwarden", "gen/google", "package-lock.json", "tools/console.mjs"];

/** Writes dist/page/ and dist/elements/; dist/gen/ must be there. */
export async function buildConsole() {
  const kept = `.tools/page-${hashOf(inputs)}`;
  if (!existsSync(kept)) {
    console.error("building the console");
    const unfinished = `${kept}.${process.pid}`;
    await buildPage(`${unfinished}/page`);
    await buildElement(`${unfinished}/elements`);
    compress(unfinished);
    // Renamed when it is complete: another build may look for it at the same time.
    if (existsSync(kept)) rmSync(unfinished, { recursive: true });
    else renameSync(unfinished, kept);
  }
  for (const folder of ["page", "elements"]) rmSync(`dist/${folder}`, { recursive: true, force: true });
  cpSync(kept, "dist", { recursive: true });
}

/** Keeps the descriptions of the protos as text of their bytes: a third smaller than base64, once compressed. */
const descriptorsAsText = {
  name: "descriptors-as-text",
  transform: (code) =>
    code.replace(/fileDesc\("([\w+/]+)"/g, (_, base64) => {
      const text = JSON.stringify(Buffer.from(base64, "base64").toString("latin1"));
      return `fileDesc(/*@__PURE__*/ btoa(${text})`;
    }),
};

const shared = (outDir) => ({
  root,
  plugins: [descriptorsAsText],
  configFile: false,
  logLevel: "warn",
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  define: { "process.env.NODE_ENV": '"production"' },
  build: {
    outDir: join(process.cwd(), outDir),
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: false,
    target: "baseline-widely-available",
    // These know light-dark(). Rewritten for older ones, it ignores the color-scheme of a page that embeds the element.
    cssTarget: ["chrome123", "edge123", "firefox120", "safari17.5"],
    license: { fileName: "licenses.md" },
  },
});

/** One page and one bundle: index.html, boot.js by its plain name, all others by their hash. */
async function buildPage(outDir) {
  const { build } = await import("vite");
  const options = shared(outDir);
  await build({
    ...options,
    publicDir: "public-page",
    build: {
      ...options.build,
      cssCodeSplit: false,
      rolldownOptions: {
        output: {
          entryFileNames: "boot.js",
          chunkFileNames: "assets/[name]-[hash].js",
          assetFileNames: "assets/[name]-[hash][extname]",
        },
      },
    },
  });
}

/** One ESM file without imports, its style inside; types and manifest beside it. */
async function buildElement(outDir) {
  const { build } = await import("vite");
  const options = shared(outDir);
  const entry = "src/element/patwarden-tokens.tsx";
  await build({
    ...options,
    publicDir: "public-element",
    build: {
      ...options.build,
      lib: { entry, formats: ["es"], fileName: () => "patwarden-tokens.js" },
      rolldownOptions: { output: { minify: true } },
    },
  });
}

/** Writes `.br` and `.gz` beside each file that a browser loads. */
function compress(folder) {
  for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    if (!/\.(js|css|html|svg)$/.test(name)) continue;
    const path = join(folder, name);
    const bytes = readFileSync(path);
    const size = { [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length };
    writeFileSync(`${path}.br`, brotliCompressSync(bytes, { params: size }));
    writeFileSync(`${path}.gz`, gzipSync(bytes, { level: 9 }));
  }
}

function hashOf(paths) {
  const hash = createHash("sha256");
  for (const path of paths) {
    const files = statSync(path).isFile()
      ? [path]
      : readdirSync(path, { recursive: true, encoding: "utf8" }).map((name) => join(path, name));
    for (const file of files.sort()) if (statSync(file).isFile()) hash.update(file).update(readFileSync(file));
  }
  return hash.digest("hex").slice(0, 12);
}
