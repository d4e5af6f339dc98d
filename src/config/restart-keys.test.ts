import { describe, expect, it } from "vitest";
import {
  caller,
  changed,
  configOf,
  issuer,
  pepperKey as key,
  minimal,
  otherKeyHash as otherHash,
} from "../../test/kit/config-file.js";
import { restartKeys } from "./restart-keys.js";

describe("a change of configuration", () => {
  it("of callers, issuers, the catalogue and the model needs no restart", () => {
    const callers = [caller, { ...caller, name: "b", key_sha256: [otherHash] }];
    const model = { "openfga.model_id": "01ARZ3NDEKTSV4RRFFQ69G5FAV" };
    const next = configOf(changed({ callers, issuers: [issuer], catalog: {}, ...model }));
    expect(restartKeys(configOf(minimal), next)).toEqual([]);
  });

  it.each([
    [{ "subjects.relations.read": "auditor" }, "subjects"],
    [{ public_http: {} }, "public_http"],
    [{ "token_cache.lease": "1s" }, "token_cache"],
    [{ "audit.retention": "1y" }, "audit"],
    [{ dangerously_disable_caller_authentication: true }, "dangerously_disable_caller_authentication"],
    [{ grace: "1s" }, "grace"],
  ])("of %j needs one, for %s as the file has it", (changes, key) => {
    expect(restartKeys(configOf(minimal), configOf(changed(changes)))).toEqual([key]);
  });

  it("of several things names each key", () => {
    const next = configOf(
      changed({ "openfga.timeout": "1s", drain_delay: "1s", "tokens.peppers": [{ version: 2, key, active: true }] }),
    );
    expect(restartKeys(configOf(minimal), next)).toEqual(["openfga", "tokens", "drain_delay"]);
  });
});
