import { spawnSync } from "node:child_process";
import { expect, it } from "vitest";
import { exitText } from "./exit.js";

it.each([
  ["exit 2", "ended with exit code 2"],
  ["kill -KILL $$", "was killed (SIGKILL)"],
  // As the shell that supervises OpenFGA reports it.
  ["sh -c 'kill -KILL $$'; exit $?", "was killed (SIGKILL)"],
  ["sh -c 'kill -TERM $$'; exit $?", "was ended by SIGTERM"],
])("the end of %j is told in words", (script, words) => {
  const { status, signal } = spawnSync("/bin/sh", ["-c", script], { stdio: "ignore" });
  expect(exitText({ code: status, signal })).toBe(words);
});

it("without code and signal it did not start", () => {
  expect(exitText({ code: null, signal: null })).toBe("could not be started");
});
