#!/usr/bin/env node
import { listenForSignals } from "./cli/signals.js";

// Before the rest is loaded, which takes a while.
listenForSignals(process.argv[2]);
await import("./cli/program.js");
