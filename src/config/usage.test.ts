import { describeSettings } from "../../test/kit/config-file.js";

describeSettings(
  ["usage"],
  [
    ["usage.flush_interval", "1s", { usage: { flushIntervalMs: 1_000 } }],
    ["usage.last_use", false, { usage: { lastUse: false } }],
  ],
  [[{ "usage.last_use": 1 }, { "usage.last_use": "must be true or false" }]],
);
