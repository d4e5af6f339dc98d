import type { Token } from "#gen/patwarden/v1/token_pb.js";

const place = /\{([A-Za-z][\w-]*)=([^{}]*)\}/g;

/**
 * Returns the lines of a snippet for a token: `{document=roadmap}` becomes the id of the first document that the token
 * names, and `roadmap` when it names none. Ids are percent-encoded: they stand in URLs, and are safe in a shell.
 */
export function snippetCode(code: string, grant: Token["grant"]): string {
  const named = grant?.rules.flatMap(({ resources }) => resources) ?? [];
  return code.replaceAll(place, (_, type: string, usual: string) => {
    const resource = named.find((one) => one.startsWith(`${type}:`) && !one.endsWith(":*"));
    return resource === undefined ? usual : encodeURIComponent(resource.slice(type.length + 1));
  });
}
