import { hash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { extname, join, sep } from "node:path";
import { fileURLToPath } from "node:url";
import type { Route } from "../transport/route.js";
import { appPath } from "./app-paths.js";

const dist = fileURLToPath(new URL("../../dist/", import.meta.url));

/** The folders of the built page and the built element, two levels up from here, both in src/ and in dist/. */
export const builtPage = join(dist, "page");
export const builtElement = join(dist, "elements");

/** The path of the element's files. Its number changes when pages that embed the element must change too. */
export const elementsPath = "/elements/v1";

const types: Readonly<Record<string, string>> = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".ico": "image/x-icon",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json",
  ".map": "application/json",
  ".md": "text/plain; charset=utf-8",
  ".png": "image/png",
  ".svg": "image/svg+xml",
  ".txt": "text/plain; charset=utf-8",
  ".webmanifest": "application/manifest+json",
  ".woff2": "font/woff2",
};

const encodings = [
  ["br", ".br"],
  ["gzip", ".gz"],
] as const;

interface ServedFile {
  readonly type: string;
  /** Quoted, for each encoding; `identity` always. */
  readonly bodies: ReadonlyMap<string, { readonly bytes: Buffer; readonly etag: string }>;
}

/** Returns the routes of the page: its files, all read now, and index.html at the addresses of its app. */
export function pageRoutes(folder = builtPage): readonly Route[] {
  const files = read(folder);
  const index = files.get("/index.html");
  if (!index) {
    throw new Error(`the console is configured, but its page is not built: ${folder} has no index.html. Run the build`);
  }
  return [
    { method: "GET", path: appPath, handle: (request, response) => answer(index, "no-cache", request, response) },
    ...[...files].map(([path, file]): Route => {
      // The names of these files have a hash of their content.
      const cache = path.startsWith("/assets/") ? "public, max-age=31536000, immutable" : "no-cache";
      return { method: "GET", path, handle: (request, response) => answer(file, cache, request, response) };
    }),
  ];
}

/** Returns the routes of the embedded element, which pages of every origin may load. None when it is not built. */
export function elementRoutes(folder = builtElement): readonly Route[] {
  if (!existsSync(folder)) return [];
  return [...read(folder)]
    .filter(([path]) => path.endsWith(".js"))
    .map(([path, file]) => ({
      method: "GET",
      path: `${elementsPath}${path}`,
      handle(request, response) {
        response.setHeader("access-control-allow-origin", "*");
        response.setHeader("cross-origin-resource-policy", "cross-origin");
        answer(file, "public, max-age=300", request, response);
      },
    }));
}

function read(folder: string): ReadonlyMap<string, ServedFile> {
  if (!existsSync(folder)) return new Map();
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" });
  const files = names.flatMap((name): (readonly [string, ServedFile])[] => {
    const type = types[extname(name)];
    if (type === undefined) return [];
    const original = readFileSync(join(folder, name));
    const digest = hash("sha256", original, "base64url").slice(0, 22);
    const bodies = new Map([["identity", { bytes: original, etag: `"${digest}"` }]]);
    for (const [encoding, ending] of encodings) {
      if (!names.includes(`${name}${ending}`)) continue;
      bodies.set(encoding, { bytes: readFileSync(join(folder, `${name}${ending}`)), etag: `"${digest}-${encoding}"` });
    }
    return [[`/${name.split(sep).join("/")}`, { type, bodies }]];
  });
  return new Map(files);
}

function answer(file: ServedFile, cache: string, { headers }: IncomingMessage, response: ServerResponse): void {
  const accepted = acceptedEncodings(headers["accept-encoding"]);
  const encoding = encodings.map(([name]) => name).find((name) => accepted.has(name) && file.bodies.has(name));
  const body = file.bodies.get(encoding ?? "identity");
  if (!body) throw new Error("every file has its original");
  response.setHeader("cache-control", cache);
  response.setHeader("etag", body.etag);
  response.appendHeader("vary", "Accept-Encoding");
  const known = (headers["if-none-match"] ?? "").split(",").map((tag) => tag.trim().replace(/^W\//, ""));
  if (known.includes(body.etag)) {
    response.statusCode = 304;
    response.end();
    return;
  }
  response.setHeader("content-type", file.type);
  if (encoding) response.setHeader("content-encoding", encoding);
  response.end(body.bytes);
}

/** Returns the encodings that a client accepts (RFC 9110 §12.5.3). `*` is not read: browsers name what they accept. */
function acceptedEncodings(header: string | string[] = ""): ReadonlySet<string> {
  const items = header.toString().split(",");
  return new Set(
    items.flatMap((item) => {
      const [name = "", weight = ""] = item.split(";").map((each) => each.trim().toLowerCase());
      return /^q=0(?:\.0*)?$/.test(weight) ? [] : [name];
    }),
  );
}
