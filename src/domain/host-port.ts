import { isIP } from "node:net";
import type { Parsed } from "./identifier.js";

/** Where a port listens, or where a peer is reached. */
export interface HostPort {
  /** An IP address without brackets, or a name. */
  readonly host: string;
  /** 0 to 65535; 0 picks a free one. */
  readonly port: number;
}

export const hostPortForm = "must be HOST:PORT, IPv6 in brackets";

const pattern = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9.-]+)):(\d{1,5})$/;

/** Parses `127.0.0.1:9081`, `[::1]:9081` or `name:9081`. No part may be left out: `:9081` would listen everywhere. */
export function parseHostPort(text: string): Parsed<HostPort> {
  const [, ipv6, name, digits] = pattern.exec(text) ?? [];
  const host = ipv6 ?? name;
  const port = Number(digits);
  const sound = host !== undefined && port <= 65_535 && (ipv6 === undefined || isIP(ipv6) === 6);
  return sound ? { ok: true, value: { host, port } } : { ok: false, problem: hostPortForm };
}

export function formatHostPort({ host, port }: HostPort): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
