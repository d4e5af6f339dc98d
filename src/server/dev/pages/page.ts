import type { ServerResponse } from "node:http";
import { type Route, send } from "../../../transport/route.js";
import { style } from "./style.js";

/** HTML that may be put into a page. Only `html` makes it. */
export interface Html {
  readonly html: string;
}

const entities: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

/** Makes HTML of a template. Texts are escaped; HTML and lists of HTML are put in as they are. */
export function html(parts: TemplateStringsArray, ...values: readonly (string | Html | readonly Html[])[]): Html {
  const filled = values.map((value) =>
    typeof value === "string"
      ? value.replaceAll(/[&<>"]/g, (character) => entities[character] ?? "")
      : [value]
          .flat()
          .map((each) => each.html)
          .join(""),
  );
  return { html: parts.map((part, index) => part + (filled[index] ?? "")).join("") };
}

export interface Page {
  readonly title: string;
  readonly body: Html;
  /** The origins, besides the page's own, to which a form may lead. Default none. */
  readonly formTargets?: readonly string[];
  /** Paths of module scripts of this origin. Default none. */
  readonly scripts?: readonly string[];
  /** Origins that scripts may call. Default none. */
  readonly calls?: readonly string[];
}

const stylePath = "/style.css";

/** Serves what `sendPage` refers to. */
export const styleRoute: Route = {
  method: "GET",
  path: stylePath,
  handle(_request, response) {
    send(response, 200, "text/css; charset=utf-8", style, "no-cache");
  },
};

/** Sends a page that is not kept, not framed, and runs nothing but `scripts`. */
export function sendPage(response: ServerResponse, status: number, page: Page): void {
  const { title, body, formTargets = [], scripts = [], calls = [] } = page;
  const policy = [
    "default-src 'none'",
    "style-src 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
    `form-action ${["'self'", ...formTargets].join(" ")}`,
    ...(scripts.length > 0 ? ["script-src 'self'"] : []),
    ...(calls.length > 0 ? [`connect-src ${calls.join(" ")}`] : []),
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ];
  response.setHeader("content-security-policy", policy.join("; "));
  // Not `no-referrer`: forms would then say `Origin: null`.
  response.setHeader("referrer-policy", "same-origin");
  response.setHeader("x-content-type-options", "nosniff");
  response.setHeader("x-frame-options", "DENY");
  response.setHeader("cross-origin-opener-policy", "same-origin");
  const whole = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<link rel="stylesheet" href="${stylePath}">
${scripts.map((path) => html`<script type="module" src="${path}"></script>`)}
</head>
<body>
${body}
</body>
</html>
`;
  send(response, status, "text/html; charset=utf-8", whole.html);
}
