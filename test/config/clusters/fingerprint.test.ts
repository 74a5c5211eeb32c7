import { expect, test } from "bun:test";
import fc from "fast-check";
import { parseFingerprint } from "../../../src/config/clusters/fingerprint.ts";
import { ConfigError } from "../../../src/config/error.ts";

const digits = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes).toString("hex"));

test("a SHA-256 fingerprint is read with and without colons, in any case, and reads as itself", () => {
  fc.assert(
    fc.property(digits, (hex) => {
      const normal = (hex.toUpperCase().match(/../g) ?? []).join(":");
      for (const text of [hex, hex.toUpperCase(), normal, normal.toLowerCase()]) {
        expect(parseFingerprint(text)).toBe(normal);
      }
    }),
  );
});

test("a fingerprint of SHA-1's length is told that SHA-256 is needed, and how to get it", () => {
  expect(() => parseFingerprint("ab".repeat(20))).toThrow(/SHA-1.*SHA-256.*openssl x509/);
  expect(() => parseFingerprint(Array(20).fill("AB").join(":"))).toThrow(/SHA-1/);
});

test.each(["", "ab", "zz".repeat(32), ` ${"ab".repeat(32)}`, `${"ab:".repeat(32)}`, `abab:${"ab".repeat(30)}`])(
  "%j is no fingerprint",
  (text) => {
    expect(() => parseFingerprint(text)).toThrow("must be a SHA-256 fingerprint: 64 hex digits");
  },
);

test("whatever the text is, reading it gives a fingerprint or a ConfigError without the text", () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.string({ minLength: 3, unit: "binary" }), fc.stringMatching(/^[0-9A-F:]{30,110}$/)),
      (text) => {
        try {
          expect(parseFingerprint(text)).toMatch(/^([0-9A-F]{2}:){31}[0-9A-F]{2}$/);
        } catch (error) {
          expect(error).toBeInstanceOf(ConfigError);
        }
      },
    ),
  );
});
