import { expect, test } from "bun:test";
import { fileURLToPath } from "node:url";

const secret = "10660000-5ec4-4e70-8000-00000000beef";

/** What a log of a process writes to stderr that knows a secret and an open code. */
async function logged(format: "text" | "json"): Promise<string> {
  const source = (path: string) => JSON.stringify(fileURLToPath(new URL(`../src/${path}`, import.meta.url)));
  const program = `
    const { Redactor } = await import(${source("redact/redactor.ts")});
    const { Secret } = await import(${source("config/secret.ts")});
    const { createLog } = await import(${source("log.ts")});
    const redactor = new Redactor();
    const log = createLog({ level: "debug", format: "${format}" }, redactor);
    redactor.add({ token: new Secret("${secret}") });
    redactor.followCodes(() => ["K7Q2-9FGH-3MNP"]);
    log.debug("a header: PVEAPIToken=mcp@pve!agent=${secret}");
    log.info("in two lines: ${secret.slice(0, 20)}\\n${secret.slice(20)}");
    log.warn("a code: k7q2 9fgh 3mnp");
    log.info("hidden: \\u001b[2J\\u202e\\u200b\\u2028\\u{e0041}");
    log.error("it failed", new TypeError("invalid header: " + btoa("${secret}")));
  `;
  const child = Bun.spawn([process.execPath, "-e", program], { stdout: "ignore", stderr: "pipe" });
  const [text] = await Promise.all([child.stderr.text(), child.exited]);
  return text;
}

test.each(["text", "json"] as const)("a log in %s has no secret and no open code", async (format) => {
  const text = await logged(format);
  expect(text.match(/\[secret\]/g)).toHaveLength(2);
  expect(text.match(/\[consent code\]/g)).toHaveLength(1);
  // Of a cause only its kind is logged.
  expect(text).toContain("it failed: TypeError");
  expect(text).toMatch(/\bat /);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not come through.
  expect(text).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f]|[\p{Zl}\p{Zp}]|\p{Cf}/u);
  expect(text).toContain("hidden: \\u001b[2J\\u202e\\u200b\\u2028\\u");
  expect(text).not.toContain(secret.slice(0, 8));
  expect(text).not.toContain(secret.slice(-12));
  expect(text).not.toContain(btoa(secret).slice(4, 20));
});
