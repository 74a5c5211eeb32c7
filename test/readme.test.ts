import { expect, test } from "bun:test";
import { readme, withTables } from "../scripts/readme.ts";

test("the README's tables are those of the definitions (else run `bun run readme`)", async () => {
  const text = await Bun.file(readme).text();
  expect(withTables(text)).toBe(text);
});
