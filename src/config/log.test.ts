import { describeSettings } from "../../test/kit/config-file.js";

describeSettings(
  ["log"],
  [["log.level", "debug", { log: { level: "debug" } }]],
  [[{ "log.level": "loud" }, { "log.level": "must be one of trace, debug, info, warn, error, fatal" }]],
);
