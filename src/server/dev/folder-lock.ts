import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { connect, createServer, type Server } from "node:net";
import { join, relative } from "node:path";

/** The longest path of a Unix-domain socket on macOS; Linux takes a few more. */
const maxPathBytes = 103;

const lockName = /^lock\.([1-9]\d{0,8})$/;

/**
 * Keeps every other process from using the folder, until this one ends, however it ends; throws when another has it.
 * Two on one folder would corrupt it silently.
 *
 * The lock is a Unix-domain socket on which its holder listens. It dies with its process, which no number of a process
 * tells: in a container every process is number 1. A new process binds the number after the highest, which only one
 * can, and holds the folder when from then on nobody is seen who listens or has a higher number: of two that bind, the
 * later one sees the earlier, or the earlier one sees the later. So nobody has to remove a dead lock before making a
 * new one, since a third could come in between. Only a holder removes locks, and only lower ones, so that the numbers
 * never begin again.
 */
export async function lockFolder(directory: string): Promise<void> {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  for (;;) {
    const highest = Math.max(0, ...locksIn(directory));
    if (highest > 0 && (await isHeld(pathOf(directory, highest)))) {
      throw new Error(`${directory} is in use by another process; stop it first, or choose another folder`);
    }
    const server = await listenOn(pathOf(directory, highest + 1));
    if (!server) continue;
    const others = locksIn(directory).filter((number) => number !== highest + 1);
    const held = await Promise.all(others.map((number) => isHeld(pathOf(directory, number))));
    if (Math.max(0, ...others) <= highest && !held.includes(true)) {
      for (const number of others) rmSync(pathOf(directory, number), { force: true });
      return;
    }
    server.close();
  }
}

function locksIn(directory: string): readonly number[] {
  return readdirSync(directory).flatMap((name) => {
    const digits = lockName.exec(name)?.[1];
    return digits === undefined ? [] : [Number(digits)];
  });
}

/** From the working directory where that is shorter. */
function pathOf(directory: string, number: number): string {
  const absolute = join(directory, `lock.${number}`);
  const fromHere = relative(process.cwd(), absolute);
  const path = fromHere.length < absolute.length ? fromHere : absolute;
  if (Buffer.byteLength(path) > maxPathBytes) {
    throw new Error(`${directory} has too long a path for the lock in it, a socket; choose a shorter one`);
  }
  return path;
}

/** Undefined when the path is taken. */
function listenOn(path: string): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once("error", (error) => {
      if (codeOf(error) === "EADDRINUSE") resolve(undefined);
      else reject(new Error(`cannot make a socket in the folder, which locks it: ${codeOf(error)}`, { cause: error }));
    });
    server.listen({ path }, () => resolve(server));
    server.unref();
  });
}

/** Whether somebody listens there, or may: what cannot be asked counts as held. */
function isHeld(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    const done = (held: boolean): void => {
      socket.destroy();
      resolve(held);
    };
    socket.once("connect", () => done(true));
    // Nobody listens, or its holder has just put it away.
    socket.once("error", (error) => done(!["ECONNREFUSED", "ENOENT"].includes(codeOf(error))));
  });
}

function codeOf(error: Error): string {
  return "code" in error ? String(error.code) : "unknown error";
}
