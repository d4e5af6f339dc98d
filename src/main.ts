#!/usr/bin/env node
import { listenForSignals } from "./cli/signals.js";

// Listens before the rest of the program is loaded, which takes a while.
listenForSignals(process.argv[2]);
await import("./cli/program.js");
