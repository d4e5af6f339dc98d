import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished, vi } from "vitest";
import { watchCertificateFiles } from "./certificate-files.js";

it("tells once that a file cannot be read any more, when it can be again, and what has changed", async () => {
  const folder = mkdtempSync(join(tmpdir(), "patwarden-files-"));
  const [cert, key] = [join(folder, "cert"), join(folder, "key")];
  /** Replaces a file at once, so that no look finds half of it. */
  const write = (file: string, content: string) => {
    writeFileSync(`${file}.new`, content);
    renameSync(`${file}.new`, file);
  };
  for (const file of [cert, key]) write(file, "one");
  const told: string[] = [];
  const events = {
    changed: () => void told.push("changed"),
    lost: (file: string, error: unknown) => void told.push(`lost ${file} ${(error as NodeJS.ErrnoException).code}`),
    found: (file: string) => void told.push(`found ${file}`),
  };
  // Two ports may use the same files.
  const watching = watchCertificateFiles([cert, key, cert, key], events, 1);
  await watching.startNow();
  onTestFinished(async () => {
    await watching.stop();
    rmSync(folder, { recursive: true });
  });
  /** Resolves with all that was told since, once there is as much as that. */
  const next = async (count: number) => {
    await vi.waitFor(() => expect(told.length).toBeGreaterThanOrEqual(count), 20_000);
    return told.splice(0);
  };

  renameSync(key, `${key}.away`);
  expect(await next(1)).toEqual([`lost ${key} ENOENT`]);
  for (const content of ["two", "three", "four"]) {
    write(cert, content);
    expect(await next(1)).toEqual(["changed"]);
  }
  renameSync(`${key}.away`, key);
  expect(await next(1)).toEqual([`found ${key}`]);
  write(key, "one");
  write(cert, "five");
  expect(await next(1)).toEqual(["changed"]);
  rmSync(key);
  expect(await next(1)).toEqual([`lost ${key} ENOENT`]);
  write(key, "two");
  expect(await next(2)).toEqual([`found ${key}`, "changed"]);
});
