import { describe, expect, it } from "vitest";
import { newSecretId, newTokenId, parseTokenId, secretIdFromUuid, tokenIdFromUuid, toUuid } from "./ids.js";

describe("token and secret ids", () => {
  it("are TypeIDs over UUIDv7", () => {
    expect(newTokenId()).toMatch(/^tok_[0-7][0-9a-hjkmnp-tv-z]{25}$/);
    expect(newSecretId()).toMatch(/^sec_[0-7][0-9a-hjkmnp-tv-z]{25}$/);
    expect(toUuid(newTokenId())).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  it("grow strictly, as text and as UUID, however many are made in a millisecond", () => {
    const ids = Array.from({ length: 20_000 }, newTokenId);
    expect(ids.toSorted()).toEqual(ids);
    expect(new Set(ids).size).toBe(ids.length);
    const uuids = ids.map(toUuid);
    expect(uuids.toSorted()).toEqual(uuids);
  });

  // Some of the TypeID specification's valid vectors.
  it("convert to and from UUIDs, with and without dashes", () => {
    const uuid = "01890a5d-ac96-774b-bcce-b302099a8057";
    const id = tokenIdFromUuid(uuid);
    expect(id).toBe("tok_01h455vb4pex5vsknk084sn02q");
    expect(tokenIdFromUuid(uuid.replaceAll("-", ""))).toBe(id);
    expect(toUuid(id)).toBe(uuid);
    expect(secretIdFromUuid(uuid)).toBe("sec_01h455vb4pex5vsknk084sn02q");
    expect(() => tokenIdFromUuid("01890a5d")).toThrow();
  });
});

describe("parseTokenId", () => {
  it("accepts what was made", () => {
    const id = newTokenId();
    expect(parseTokenId(id)).toEqual({ ok: true, value: id });
  });

  it.each([
    "",
    "tok_",
    "tok",
    "_01h455vb4pex5vsknk084sn02q",
    "01h455vb4pex5vsknk084sn02q",
    "sec_01h455vb4pex5vsknk084sn02q",
    "TOK_01h455vb4pex5vsknk084sn02q",
    "tok_01H455VB4PEX5VSKNK084SN02Q",
    "tok_01h455vb4pex5vsknk084sn02",
    "tok_01h455vb4pex5vsknk084sn02qq",
    "tok_81h455vb4pex5vsknk084sn02q",
    "tok_01h455vb4pex5vsknk084sn02u",
    "tok_01h455vb4pex5vsknk084sn02\u00e9",
    "tok_01h455vb4pex5vsknk084sn0é\ud800",
    "tok_01h455vb4pex5vsknk084sn02q\n",
    " tok_01h455vb4pex5vsknk084sn02q",
    "tok_00000000000000000000000001",
    "01890a5d-ac96-774b-bcce-b302099a8057",
    "tok_tok_01h455vb4pex5vsknk084sn02q",
  ])("refuses %j", (text) => {
    expect(parseTokenId(text).ok).toBe(false);
  });
});
