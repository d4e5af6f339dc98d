import { describe, expect, it } from "vitest";
import { formatHostPort, parseHostPort } from "./host-port.js";
import { isLoopback } from "./network.js";

describe("host and port", () => {
  it.each([
    ["127.0.0.1:9081", "127.0.0.1", 9081, true],
    ["127.8.9.10:0", "127.8.9.10", 0, true],
    ["[::1]:65535", "::1", 65_535, true],
    ["[::ffff:127.0.0.1]:80", "::ffff:127.0.0.1", 80, true],
    ["localhost:80", "localhost", 80, true],
    ["0.0.0.0:80", "0.0.0.0", 80, false],
    ["[::]:80", "::", 80, false],
    ["10.0.0.1:80", "10.0.0.1", 80, false],
    ["openfga.svc:8081", "openfga.svc", 8081, false],
    ["localhost.example.com:80", "localhost.example.com", 80, false],
    ["127.1:80", "127.1", 80, false],
  ])("reads %s", (text, host, port, loopback) => {
    const parsed = parseHostPort(text);
    expect(parsed).toEqual({ ok: true, value: { host, port } });
    expect(formatHostPort({ host, port })).toBe(text);
    expect(isLoopback(host)).toBe(loopback);
  });

  it.each([
    "",
    ":80",
    "80",
    "host",
    "host:",
    "host:65536",
    "host:-1",
    "::1:80",
    "[::1]",
    "[x]:80",
    "[1:2]:80",
    "a b:80",
  ])("refuses %j", (text) => {
    expect(parseHostPort(text).ok).toBe(false);
  });

  it.each(["http://host:80", "host:80/", "host:80\n", "user@host:80", "[127.0.0.1]:80"])("refuses %j", (text) => {
    expect(parseHostPort(text).ok).toBe(false);
  });
});
