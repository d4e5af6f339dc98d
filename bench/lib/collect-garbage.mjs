// Loaded into a measured server: SIGUSR2 makes it collect garbage, so that its heap metrics then show only live memory.
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc");
process.on("SIGUSR2", () => collect());
