import type { Ready } from "./start.js";

/**
 * Returns what a person sees who has started `patwarden dev`: where to go, and lines to paste into a shell. It names
 * `keyFile` for the service key; without one it shows the key itself, since the user cannot get it in another way.
 */
export function tryOutLines(ready: Ready, keyFile: string | undefined): string {
  const { grpc, http, public_http, console, sample, service_key } = ready;
  return `
  Patwarden is ready. Open this page and sign in as alice, by one click:

    ${console}

  Create a token that may read document:roadmap, copy it, and let a sample of your own API take it:

    read -rs TOKEN    # paste the token, then press Enter
    curl -H "authorization: Bearer $TOKEN" ${sample}/documents/roadmap

  The page shows the use a moment later. Revoke the token there, and ask again.
  Bob finds tokens of acme that wait for his approval; root administers everything.
  The same as an element in a page of your own product: ${sample}/settings

  For programs    gRPC ${grpc}, JSON ${http}, public HTTP ${public_http}
  Service key     ${keyFile ?? service_key}

  Ctrl-C stops it.

`;
}

/** Returns `catalog.snippets` of the configuration: what the page shows to copy once a token is created. */
export function snippetsFor(sample: string): readonly { readonly label: string; readonly code: string }[] {
  return [
    {
      label: "curl",
      code: `curl -H "authorization: Bearer $TOKEN" ${sample}/documents/{document=roadmap}`,
    },
  ];
}
