import { constants } from "node:os";

/** How a process ended. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** Describes the end of a process. A shell between gives 128 plus the number of the signal as its code. */
export function exitText({ code, signal }: Exit): string {
  const ofCode = Object.entries(constants.signals).find(([, number]) => code === 128 + number)?.[0];
  const by = signal ?? ofCode;
  if (by === "SIGKILL") return "was killed (SIGKILL)";
  if (by !== undefined) return `was ended by ${by}`;
  return code === null ? "could not be started" : `ended with exit code ${code}`;
}
