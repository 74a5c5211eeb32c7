// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are the configuration's own ${VARIABLES}
import { expect, test } from "bun:test";
import fc from "fast-check";
import { expandVariables, hasVariable } from "../../../src/config/clusters/variables.ts";
import { ConfigError } from "../../../src/config/error.ts";

const env = { NAME: "value", DIR: "/run/x", EMPTY: "", NESTED: "${NAME}" };

test.each([
  ["${NAME}", "value"],
  ["${DIR}/token", "/run/x/token"],
  ["a${NAME}b${NAME}c", "avaluebvaluec"],
  ["$${NAME}", "${NAME}"],
  ["$$${NAME}", "$${NAME}"],
  ["$NAME $ $$ }{", "$NAME $ $$ }{"],
  ["${NESTED}", "${NAME}"],
])("%j becomes %j", (text, expanded) => {
  expect(expandVariables(text, env)).toBe(expanded);
});

test("a variable that is not set, or empty, is named", () => {
  expect(() => expandVariables("x${MISSING}", env)).toThrow(
    "takes ${MISSING} from the environment, where it is not set.",
  );
  expect(() => expandVariables("${EMPTY}", env)).toThrow("takes ${EMPTY} from the environment, where it is empty.");
});

test.each(["${", "${NAME", "${}", "${1A}", "${NA ME}", "${NAME:-x}"])(
  "%j begins no variable, and says how to write it",
  (text) => {
    expect(() => expandVariables(text, env)).toThrow('write "$${" for a literal "${"');
  },
);

test("any text comes back from its literal form, which takes nothing from the environment", () => {
  const texts = fc.oneof(fc.string({ unit: "binary" }), fc.stringMatching(/^[${}A]{0,12}$/));
  fc.assert(
    fc.property(texts, (text) => {
      const literal = text.replaceAll("${", () => "$${");
      expect(hasVariable(literal)).toBe(false);
      expect(expandVariables(literal, {})).toBe(text);
    }),
    { numRuns: 1000 },
  );
});

test("whatever the text is, it is expanded or refused by a ConfigError that holds no value", () => {
  const canary = "c4n4ry-value";
  fc.assert(
    fc.property(fc.stringMatching(/^[${}AB ]{0,16}$/), (text) => {
      try {
        expandVariables(text, { A: canary, AB: canary });
      } catch (error) {
        expect(error).toBeInstanceOf(ConfigError);
        expect(String(error)).not.toContain(canary);
      }
    }),
    { numRuns: 1000 },
  );
});
