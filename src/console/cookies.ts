import type { ServerResponse } from "node:http";

/**
 * The cookies of the console. Their names have a prefix, for which browsers demand that the cookie is Secure, HttpOnly,
 * for the whole host and set by the server itself (RFC 6265bis §4.1.3); older browsers demand the part that they know.
 * On loopback without TLS no cookie can be Secure, so there is no prefix.
 */
export class Cookies {
  readonly #secure: boolean;

  /** `publicUrl` is the origin at which people open the console. */
  constructor(publicUrl: string) {
    this.#secure = publicUrl.startsWith("https:");
  }

  /** The cookie that holds the secret of a session. */
  get session(): string {
    return this.#name("pw_session");
  }

  /** The cookie that holds a sign-in until the person comes back; one for each `state`, so that tabs may sign in. */
  signIn(state: string): string {
    return this.#name(`pw_sign_in_${state.slice(0, 8)}`);
  }

  /** Returns the names of all such cookies in a request, and the bytes that each takes there. */
  signInsIn(header: string | undefined): readonly { readonly name: string; readonly size: number }[] {
    const prefix = this.signIn("");
    return parse(header).flatMap(([name, value]) =>
      name.startsWith(prefix) ? [{ name, size: name.length + value.length }] : [],
    );
  }

  /** Returns a cookie of a request; undefined when it is absent, or there more than once. */
  read(header: string | undefined, wanted: string): string | undefined {
    const values = parse(header).flatMap(([name, value]) => (name === wanted ? [value] : []));
    return values.length === 1 ? values[0] : undefined;
  }

  /** Sets the cookie of a session, which browsers send only with requests of the console's own pages. */
  setSession(response: ServerResponse, secret: string): void {
    this.#add(response, this.session, secret, "SameSite=Strict");
  }

  /** Sets the cookie of a sign-in, which browsers also send when the provider leads a person back. */
  setSignIn(response: ServerResponse, state: string, sealed: string, maxAgeMs: number): void {
    this.#add(response, this.signIn(state), sealed, `SameSite=Lax; Max-Age=${Math.floor(maxAgeMs / 1000)}`);
  }

  clear(response: ServerResponse, name: string): void {
    this.#add(response, name, "", "SameSite=Strict; Max-Age=0");
  }

  #name(name: string): string {
    return this.#secure ? `__Host-Http-${name}` : name;
  }

  #add(response: ServerResponse, name: string, value: string, attributes: string): void {
    const all = `${name}=${value}; Path=/; HttpOnly; ${attributes}${this.#secure ? "; Secure" : ""}`;
    response.appendHeader("set-cookie", all);
  }
}

function parse(header = ""): readonly (readonly [name: string, value: string])[] {
  return header.split(";").flatMap((pair) => {
    const at = pair.indexOf("=");
    return at < 0 ? [] : [[pair.slice(0, at).trim(), pair.slice(at + 1).trim()] as const];
  });
}
