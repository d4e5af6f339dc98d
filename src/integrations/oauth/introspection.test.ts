import { expect, it } from "vitest";
import { secretRecord, testTime, tokenRecord } from "../../../test/kit/token.js";
import { activeToken } from "./introspection.js";

const after = (seconds: number) => new Date(testTime.getTime() + seconds * 1000);

it.each<[string, { token?: Date; secret?: Date; caller?: number }, number]>([
  ["the integration's time", {}, 60],
  ["the caller's time", { caller: 10_000 }, 10],
  ["the end of the token", { token: after(30), secret: after(40) }, 30],
  ["S3 the end of the secret, which was rotated out", { secret: after(5), caller: 10_000 }, 5],
  ["S3 the end of the secret, before that of the token", { token: after(30), secret: after(5) }, 5],
  ["the integration's time where all else is later", { token: after(90), secret: after(80), caller: 70_000 }, 60],
])(
  "introspection lets an answer be kept up to %s",
  (_what, { token: expireTime, secret: retireTime, caller }, seconds) => {
    const secret = secretRecord({ retireTime });
    const token = { ...tokenRecord({ expireTime }), secrets: [secretRecord(), secret] };
    const settings = { issuer: "https://pw.test", maxCacheMs: 60_000 };
    const by = caller === undefined ? {} : { maxCacheMs: caller };
    const answer = activeToken({ token }, secret, settings, by, testTime);
    expect(answer.exp).toBe(Math.floor(after(seconds).getTime() / 1000));
  },
);
