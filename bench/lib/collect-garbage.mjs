// Loaded into a measured server: SIGUSR2 makes it collect garbage, so that the heap that its metrics then show is what
// it holds.
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc");
process.on("SIGUSR2", () => collect());
