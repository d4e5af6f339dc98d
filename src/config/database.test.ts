import { describeSettings } from "../../test/kit/config-file.js";

describeSettings(
  ["database"],
  [
    [
      "database.url",
      "postgresql://a:b@c/d",
      { database: { address: { hosts: [{ host: "c" }], user: "a", password: "b", database: "d" } } },
    ],
    ["database.max_connections", 3, { database: { maxConnections: 3 } }],
    [
      "database.listen_url",
      "postgres://direct/p",
      { database: { listenAddress: { hosts: [{ host: "direct" }], database: "p" } } },
    ],
    ["database.prepare", false, { database: { prepare: false } }],
  ],
  [
    [{ "database.url_fil": "x" }, { "database.url_fil": "is unknown; did you mean url_file?" }],
    [{ "database.max_connections": 0 }, { "database.max_connections": "must be at least 1" }],
    [{ "database.prepare": "no" }, { "database.prepare": "must be true or false" }],
  ],
);
