import type { ServerResponse } from "node:http";
import { send } from "../transport/route.js";
import { type SignInRefusal, signInRefusals } from "./sign-in-refused.js";

/** The path of the style sheet of these pages. */
export const stylePath = "/sign-in/page.css";

export const style = `:root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif; }
body { max-width: 34rem; margin: 20vh auto 0; padding: 0 1.5rem; }
h1 { font-size: 1.375rem; line-height: 1.3; }
a { color: LinkText; }
`;

/** Answers a sign-in that was refused with a page that says why, and how to try again. */
export function sendRefusalPage(response: ServerResponse, reason: SignInRefusal, returnTo: string): void {
  const [status, title, text] = signInRefusals[reason];
  const again = `/sign-in?return=${encodeURIComponent(returnTo)}`;
  const page = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${title}</title>
<link rel="stylesheet" href="${stylePath}">
</head>
<body>
<main>
<h1>${title}</h1>
<p>${text}</p>
<p><a href="${escaped(again)}">Sign in</a></p>
</main>
</body>
</html>
`;
  if (status === 429 || status === 503) response.setHeader("retry-after", "60");
  send(response, status, "text/html; charset=utf-8", page);
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll('"', "&quot;").replaceAll("<", "&lt;");
}
