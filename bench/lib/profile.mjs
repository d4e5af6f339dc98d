// Preloaded: profiles the process from its start, and writes a .cpuprofile into the folder PROFILE_FOLDER at its end.
import { mkdirSync, writeFileSync } from "node:fs";
import { Session } from "node:inspector";
import { join } from "node:path";

const folder = process.env.PROFILE_FOLDER;
const session = new Session();
session.connect();
session.post("Profiler.enable");
session.post("Profiler.start");
process.on("exit", () => {
  session.post("Profiler.stop", (_, { profile }) => {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, `${Date.now()}-${process.pid}.cpuprofile`), JSON.stringify(profile));
  });
});
