import { sql } from "drizzle-orm";
import { describe, expect, it } from "vitest";
import type { DatabaseAddress } from "../config/database-address.js";
import { openPostgres } from "./database.js";
import { isOfDriver } from "./driver-rejections.js";
import { openPool } from "./pool.js";

const nowhere: DatabaseAddress = {
  hosts: [{ host: "127.0.0.1", port: 1 }],
  user: "nobody",
  tls: { mode: "disable" },
  parameters: {},
};

describe("S1 a rejection that does not end the server", () => {
  it("is an error that the driver made, or with which it failed a statement", async () => {
    const pool = openPool(nowhere, { max: 1 }, 1_000);
    expect(isOfDriver(await pool.sql`select 1`.catch((error: unknown) => error))).toBe(true);
    await pool.end(1);
    expect(isOfDriver(await pool.sql`select 1`.catch((error: unknown) => error))).toBe(true);
  });

  it("is neither a defect of ours, nor a statement of drizzle that nobody awaits", async () => {
    const database = openPostgres({ address: nowhere, maxConnections: 1, prepare: false });
    const wrapped = await database.orm.execute(sql`select 1`).catch((error: unknown) => error);
    await database.close();
    expect(wrapped).toBeInstanceOf(Error);
    for (const defect of [wrapped, new Error("x"), new TypeError("x"), "x", undefined])
      expect(isOfDriver(defect)).toBe(false);
  });
});
