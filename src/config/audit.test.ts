import { describeSettings } from "../../test/kit/config-file.js";

describeSettings(
  ["audit"],
  [["audit.retention", "400d", { audit: { retentionMs: 34_560_000_000 } }]],
  [[{ "audit.retention": "0s" }, { "audit.retention": "must be a duration from 1d to 100y, such as 90d, 1y" }]],
);
