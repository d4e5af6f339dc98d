import { spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { track } from "./children.js";
import { findProgram } from "./program.js";

/**
 * Languages whose libraries are tested, the programs that their tests in test/libraries need, and how to install them.
 */
export const languages = {
  java: { needs: ["javac", "mvn"], source: "Debian: apt-get install openjdk-17-jdk-headless maven" },
  go: { needs: ["go"], source: "Go >= 1.26: https://go.dev/dl/" },
  python: { needs: ["python3"], source: "Debian: apt-get install python3-venv" },
} as const;

export type Language = keyof typeof languages;

export function haveLanguage(language: Language): boolean {
  return languages[language].needs.every((name) => findProgram(name) !== undefined);
}

/** The result of a library for a token: the members of an answer or the claims, or its own error. */
export type LibraryAnswer =
  | { readonly members: Readonly<Record<string, unknown>>; readonly error?: undefined }
  | { readonly error: string; readonly members?: undefined };

/** A running program of test/libraries; its README.md lists the questions that it answers. */
export interface Library {
  /** Asks one question after the other. Rejects when the program ends. */
  ask(question: Readonly<Record<string, string>>): Promise<LibraryAnswer>;
  stop(): Promise<void>;
}

/** Builds the program, which may take some minutes the first time, and starts it. */
export function startLibrary(language: Language): Library {
  const folder = fileURLToPath(new URL(`../../.tools/libraries/${language}`, import.meta.url));
  mkdirSync(folder, { recursive: true });
  const script = fileURLToPath(new URL(`../libraries/${language}/run.sh`, import.meta.url));
  const child = track(spawn(script, [folder], { stdio: ["pipe", "pipe", "pipe"] }));
  let log = "";
  child.stderr.on("data", (chunk) => {
    log += String(chunk);
  });
  const answers = createInterface(child.stdout)[Symbol.asyncIterator]();
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  // The program may have ended already; then no answer comes.
  child.stdin.on("error", () => undefined);
  return {
    async ask(question) {
      child.stdin.write(`${JSON.stringify(question)}\n`);
      const { value, done } = await answers.next();
      if (done) throw new Error(`${join("test/libraries", language)} ended:\n${log}`);
      return JSON.parse(value);
    },
    async stop() {
      child.stdin.end();
      await ended;
    },
  };
}
