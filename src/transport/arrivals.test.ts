import net from "node:net";
import { expect, it } from "vitest";
import { Arrivals, defaultArrivalLimits } from "./arrivals.js";

it("S12 counts the connections of one /64 of IPv6 as those of one address", () => {
  const server = new net.Server();
  const limits = { ...defaultArrivalLimits, connectionsOfAddress: 2 };
  new Arrivals(server, { limits, isWhole: () => true, connectionOf: () => undefined, refuse: () => undefined });
  /** Returns whether the connection is kept. No test machine has so many addresses. */
  const arrives = (remoteAddress: string): boolean => {
    const socket = Object.defineProperty(new net.Socket(), "remoteAddress", { value: remoteAddress });
    server.emit("connection", socket);
    return !socket.destroyed;
  };
  const seen = ["2001:db8::1", "2001:db8::2", "2001:db8::3", "2001:db8:0:1::1", "::ffff:192.0.2.1", "192.0.2.2"];
  expect(seen.map(arrives)).toEqual([true, true, false, true, true, true]);
  server.emit("close");
});
