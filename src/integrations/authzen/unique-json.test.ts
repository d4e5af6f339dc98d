import fc from "fast-check";
import { expect, it } from "vitest";
import { parseUniqueJson } from "./unique-json.js";

it("parses whatever JSON.parse parses, when no key comes twice", () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      expect(parseUniqueJson(text)).toEqual(JSON.parse(text));
    }),
  );
});

it.each([
  '{"id":"1","id":"2"}',
  '{"id":"1","\\u0069d":"2"}',
  '{"subject":{"id":"1","properties":{},"id":"2"}}',
  '[{"a":1},{"a":1,"b":[{"c":{}}],"a":2}]',
  '{"a\\"b":1,"a\\"b":2}',
  '{"":1,"":2}',
])("refuses %s", (text) => {
  expect(() => parseUniqueJson(text)).toThrow(SyntaxError);
});

it.each(['{"a":{"a":{"a":1}},"b":[{"a":1},{"a":1}]}', '{"a":"a:b","b":"{\\"a\\":1,\\"a\\":2}"}', '[":",":"]'])(
  "takes %s",
  (text) => {
    expect(parseUniqueJson(text)).toEqual(JSON.parse(text));
  },
);
