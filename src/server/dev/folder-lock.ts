import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { connect, createServer, type Server } from "node:net";
import { join, relative } from "node:path";

/** The longest path of a Unix-domain socket on macOS; Linux takes a few more. */
const maxPathBytes = 103;

const lockName = /^lock\.([1-9]\d{0,8})$/;

/**
 * Locks the folder against every other process until this one ends, in any way. Throws when another process holds it.
 * Two processes on one folder would silently corrupt it.
 *
 * The lock is a Unix-domain socket on which its holder listens. It ends with its process; the process number would not
 * show that, since in a container every process is number 1. A new process binds the next number above the highest,
 * which only one process can do. It then holds the folder if no other socket has a listener or a higher number: of two
 * processes that bind, at least one sees the other. So nobody has to remove a dead lock before making a new one, and no
 * third process can come in between. Only a holder removes locks, and only lower ones, so that the numbers never start
 * again.
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

/** Returns the path of a lock, relative to the working directory where that is shorter. */
function pathOf(directory: string, number: number): string {
  const absolute = join(directory, `lock.${number}`);
  const fromHere = relative(process.cwd(), absolute);
  const path = fromHere.length < absolute.length ? fromHere : absolute;
  if (Buffer.byteLength(path) > maxPathBytes) {
    throw new Error(
      `${directory} has too long a path for the lock, which is a socket in it; choose a folder with a shorter path`,
    );
  }
  return path;
}

/** Returns undefined when the path is taken. */
function listenOn(path: string): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once("error", (error) => {
      if (codeOf(error) === "EADDRINUSE") resolve(undefined);
      else reject(new Error(`cannot lock the folder by a socket in it: ${codeOf(error)}`, { cause: error }));
    });
    server.listen({ path }, () => resolve(server));
    server.unref();
  });
}

/** Returns whether a process listens there, or may listen: a socket that cannot be asked counts as held. */
function isHeld(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    const done = (held: boolean): void => {
      socket.destroy();
      resolve(held);
    };
    socket.once("connect", () => done(true));
    // No process listens, or the holder has just removed it.
    socket.once("error", (error) => done(!["ECONNREFUSED", "ENOENT"].includes(codeOf(error))));
  });
}

function codeOf(error: Error): string {
  return "code" in error ? String(error.code) : "unknown error";
}
