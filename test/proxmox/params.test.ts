import { expect, test } from "bun:test";
import fc from "fast-check";
import { encodeParams, ParamsError, parseParams } from "../../src/proxmox/params.ts";

test("takes strings, numbers, booleans and lists of them as they are", () => {
  const params = { name: "x", cores: 2, ratio: 0.5, onboot: false, delete: ["a", 1, true] };
  expect(parseParams(params)).toEqual(params);
  expect(parseParams(undefined)).toEqual({});
});

test.each([
  [{ a: null }, 'The parameter "a" is null; leave it out'],
  [{ a: undefined }, 'The parameter "a" is undefined; leave it out'],
  [{ a: {} }, 'The parameter "a" is an object; Proxmox takes a string such as'],
  [{ a: [] }, 'The parameter "a" is an empty list'],
  [{ a: [null] }, 'The parameter "a[]" is null'],
  [{ a: [["x"]] }, 'The parameter "a[]" is a list'],
  [{ a: Number.NaN }, 'The parameter "a" is NaN, which is no exact number'],
  [{ a: Number.POSITIVE_INFINITY }, "which is no exact number"],
  [{ a: 2 ** 53 }, "which is no exact number; send it as a string"],
  [{ a: "\ud800" }, "lone surrogate"],
  [{ "": 1 }, "A parameter's name is empty"],
  [{ "a\n": 1 }, "A parameter's name is not plain text"],
  [null, "not null"],
  [["a"], "not a list"],
  ["a=1", "not a string"],
])("refuses %p and names what is wrong", (input, why) => {
  expect(() => parseParams(input)).toThrow(ParamsError);
  expect(() => parseParams(input)).toThrow(why);
});

test("keeps a parameter that is called like a property of every object", () => {
  const params = parseParams(JSON.parse('{"__proto__": "x", "constructor": "y"}'));
  expect(encodeParams(params)).toBe("__proto__=x&constructor=y");
});

test("encodes values so that Proxmox's splitting at ; and & finds each one whole", () => {
  const value = fc.oneof(fc.string(), fc.constantFrom("a;b=c", "x&y", "1+1", "ü €", "%41"));
  fc.assert(
    fc.property(
      fc.dictionary(
        fc.string({ minLength: 1 }).filter((name) => !/\p{Cc}/u.test(name)),
        value,
      ),
      (params) => {
        const pairs = encodeParams(parseParams(params))
          .split(/[;&]/)
          .filter((pair) => pair !== "");
        const decode = (text = "") => decodeURIComponent(text.replaceAll("+", " "));
        expect(pairs.map((pair) => pair.split("=").map(decode))).toEqual(Object.entries(params));
      },
    ),
  );
});
