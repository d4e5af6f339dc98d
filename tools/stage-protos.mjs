// Copies the third-party protos that the server speaks, with everything they import, out of npm packages into third_party/proto.
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";

const out = "third_party/proto";
const roots = [
  "grpc/health/v1/health.proto",
  "grpc/reflection/v1/reflection.proto",
  "grpc/reflection/v1alpha/reflection.proto",
  "google/rpc/code.proto",
  "google/rpc/error_details.proto",
  "google/rpc/status.proto",
];
const folders = ["node_modules/@grpc/reflection/build/proto", "node_modules/@grpc/grpc-js-xds/deps/googleapis"];
/** Stored under another path than the one that its package name asks for. */
const moved = { "grpc/health/v1/health.proto": "node_modules/grpc-health-check/proto/health/v1/health.proto" };

function locate(path) {
  const found = moved[path] ?? folders.map((folder) => join(folder, path)).find(existsSync);
  if (!found) throw new Error(`no npm package has ${path}; run npm ci`);
  return found;
}

rmSync(out, { recursive: true, force: true });
const staged = new Set();
function stage(path) {
  if (staged.has(path) || path.startsWith("google/protobuf/")) return;
  staged.add(path);
  const source = locate(path);
  const target = join(out, path);
  mkdirSync(dirname(target), { recursive: true });
  copyFileSync(source, target);
  for (const [, imported] of readFileSync(source, "utf8").matchAll(/^import\s+(?:public\s+)?"([^"]+)";/gm))
    stage(imported);
}
for (const path of roots) stage(path);
