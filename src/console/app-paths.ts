/*
 * The addresses of the console's app. index.html answers each of them, and a sign-in leads back to nothing else.
 */

/** A part of a path: no empty one, no `.` and no `..`, which browsers also read when their dots are encoded. */
const part = String.raw`(?!(?:\.|%2[eE]){1,2}(?:/|$))[\w\-.~%:@=+|]{1,300}`;
const below = `(?:/${part}){0,4}`;

/** The page after a sign-out. */
export const signedOutPath = "/signed-out";

/** The paths of the app, without a query. */
export const appPath = new RegExp(`^(?:/|/new|${signedOutPath}|/tokens${below}|/orgs${below}|/operator${below})$`);

const query = /^[\w\-.~%:@=+|&,;/]{0,2000}$/;

/** Returns the path and query to lead back to after a sign-in: of the app, or `/`. */
export function returnTarget(text: string | null): string {
  if (text === null || text === signedOutPath) return "/";
  const at = text.indexOf("?");
  const [path, rest] = at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
  return appPath.test(path) && query.test(rest) ? text : "/";
}
