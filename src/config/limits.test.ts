import { expect, it } from "vitest";
import { changed, configOf, describeSettings } from "../../test/kit/config-file.js";

describeSettings(
  ["limits"],
  [
    ["limits.creations_per_hour", 3600, { limits: { creations: { burst: 3600, intervalMs: 1_000 } } }],
    ["limits.revocations_per_minute", 6, { limits: { revocations: { burst: 20, intervalMs: 10_000 } } }],
    ["limits.revocations_burst", 1, { limits: { revocations: { burst: 1, intervalMs: 1_000 } } }],
    ["limits.lists_per_second", 1, { limits: { lists: { burst: 1, intervalMs: 1_000 } } }],
    ["limits.self_per_minute", 1, { limits: { self: { burst: 1, intervalMs: 60_000 } } }],
  ],
  [
    [
      { limits: { creations_per_hour: -1, revocations_burst: 0, lists_per_second: 0.5, creations_per_day: 1 } },
      {
        "limits.creations_per_day": "is unknown; did you mean creations_per_hour?",
        "limits.creations_per_hour": "must be at least 0",
        "limits.revocations_burst": "must be at least 1",
        "limits.lists_per_second": "must be a whole number",
      },
    ],
  ],
);

it("turns a limit off at 0", () => {
  const off = { creations_per_hour: 0, revocations_per_minute: 0, lists_per_second: 0, self_per_minute: 0 };
  expect(configOf(changed({ limits: off })).limits).toEqual({});
});
