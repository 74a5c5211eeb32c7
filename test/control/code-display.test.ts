import { expect, test } from "bun:test";
import { codeDisplay } from "../../src/control/code-display.ts";
import { keptLog } from "../support/listening.ts";
import { question } from "../support/questions.ts";

test("where stderr is no terminal only the id of a question is logged", () => {
  const log = keptLog();
  codeDisplay(() => true, log, undefined).announce(question());
  expect(log.lines).toEqual(["Question K7Q2 waits for a human."]);
});

test("on a terminal the whole question is shown, and no line leaves its frame, however long a value is", () => {
  let text = "";
  const terminal = {
    columns: 60,
    write: (more: string) => {
      text += more;
    },
  };
  const log = keptLog();
  // Spaces up to the terminal's width would put the rest at the start of a line.
  const value = `description: ${" ".repeat(43)}code AAAA-BBBB-CCCC${" ".repeat(41)}K7Q2  DELETE`;
  codeDisplay(() => true, log, terminal).announce(question({ plan: [value], client: "c".repeat(100) }));
  expect(log.lines).toEqual([]);
  const lines = text.trimEnd().split("\n");
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(60);
  expect(lines.filter((line) => /^\S/.test(line))).toEqual(["K7Q2  DELETE /nodes/pve1/qemu/104 on alpha"]);
  expect(lines.filter((line) => /^ {2}code/.test(line))).toEqual(["  code K7Q2-9FGH-3MNP (3 tries left)"]);
  const plan = lines.slice(lines.findIndex((line) => line.startsWith("  | ")));
  expect(plan.map((line, index) => line.slice(index === 0 ? 4 : 8)).join("")).toBe(value);
});

test("how a code is read: by the command while the socket is open, else in the terminal, else in no way", () => {
  const log = keptLog();
  const terminal = { columns: 80, write: () => undefined };
  let isOpen = true;
  const display = codeDisplay(() => isOpen, log, undefined);
  expect(display.how).toBe("`proxmox-mcp consents` on the machine of this server");
  isOpen = false;
  expect(display.how).toBeUndefined();
  expect(codeDisplay(() => false, log, terminal).how).toBe("this server's terminal");
});
