import { type Html, html, type Page } from "../pages/page.js";
import type { AuthorizationRequest } from "./authorization-request.js";
import { people } from "./people.js";

/** Returns the page on which a person chooses who signs in; the choice is sent to `action`, a path with its query. */
export function signInPage({ client, redirectUri, loginHint }: AuthorizationRequest, action: string): Page {
  // Stable: the others stay in their order.
  const hintedFirst = [...people].sort((a, b) => Number(b.id === loginHint) - Number(a.id === loginHint));
  const choices = hintedFirst.map(
    ({ id, name, about }, index) => html`<li><button name="person" value="${id}"${index === 0 ? autofocus : nothing}>
<span class="initial" aria-hidden="true">${name.slice(0, 1)}</span>
<strong>${name}</strong>
<span class="about">${id}, ${about}</span>
</button></li>
`,
  );
  return {
    title: `Sign in to ${client.name}`,
    body: html`<main class="card">
<h1>Sign in to ${client.name}</h1>
<p>Who are you today?</p>
<form method="post" action="${action}">
<ul class="people">
${choices}</ul>
</form>
<p class="note">This sign-in is a part of <code>patwarden dev</code>: it asks for no password, and only this machine
reaches it. In production, your own OpenID provider stands in its place.</p>
</main>`,
    formTargets: [new URL(redirectUri).origin],
  };
}

/** Returns a page that says one thing. */
export function notePage(title: string, text: string): Page {
  return {
    title,
    body: html`<main class="card">
<h1>${title}</h1>
<p>${text}</p>
</main>`,
  };
}

const autofocus: Html = { html: " autofocus" };
const nothing: Html = { html: "" };
