import { expect, test } from "bun:test";
import { fileURLToPath } from "node:url";

const source = JSON.stringify(fileURLToPath(new URL("../src/line-queue.ts", import.meta.url)));
const logSource = JSON.stringify(fileURLToPath(new URL("../src/log.ts", import.meta.url)));

/** Runs a program whose stderr is read only once it has said on stdout how many lines it queued. */
async function lateReader(program: string): Promise<{ queued: number; lines: readonly string[] }> {
  const child = Bun.spawn([process.execPath, "-e", program], { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  // The runtime would read the pipe on its own; the text is asked for late, and 64 KiB fit into a pipe.
  const queued = Number(await child.stdout.text());
  const lines = (await child.stderr.text()).trimEnd().split("\n");
  await child.exited;
  return { queued, lines };
}

test("lines come in their order; what does not fit is dropped, counted and reported in its place", async () => {
  const { queued, lines } = await lateReader(`
    const { LineQueue } = await import(${source});
    const queue = new LineQueue(2, 10_000);
    for (let i = 0; i < 2000; i++) queue.write("line " + String(i).padStart(95, "0"));
    await queue.flush(60_000);
    queue.write("last");
    await queue.flush(60_000);
    process.stdout.write("2001");
  `);
  const numbers = lines.flatMap((line) => /^line 0*(\d+)$/.exec(line)?.[1] ?? []).map(Number);
  expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
  const report = lines.findIndex((line) => line.endsWith("lines were dropped"));
  expect(Number.parseInt(lines[report] ?? "", 10)).toBe(queued - 1 - numbers.length);
  expect(numbers.length).toBeLessThan(2000);
  expect(lines.slice(report + 1)).toEqual(["last"]);
});

test.each(["text", "json"] as const)("a log reports dropped lines in its own format (%s)", async (format) => {
  const { lines } = await lateReader(`
    const { LineQueue } = await import(${source});
    const { createLog } = await import(${logSource});
    const queue = new LineQueue(2, 1000);
    const log = createLog({ level: "info", format: "${format}" }, { outgoing: (text) => text }, queue);
    for (let i = 0; i < 100; i++) log.info("line " + "x".repeat(95) + i);
    await queue.flush(60_000);
    log.info("last");
    await queue.flush(60_000);
    process.stdout.write("0");
  `);
  const said = lines.map((line) => (format === "json" ? (JSON.parse(line) as { message: string }).message : line));
  expect(said.filter((line) => /\d+ lines were dropped here: stderr could not be written/.test(line))).toHaveLength(1);
  expect(said.at(-1)).toEndWith("last");
});

test("a stderr that is closed or full stops nothing, and is not waited for", async () => {
  const program = `
    const { LineQueue } = await import(${source});
    const { openSync } = await import("node:fs");
    const queue = new LineQueue(openSync("/dev/full", "w"));
    queue.write("lost");
    await queue.flush(60_000);
    queue.write("lost, too");
    await queue.flush(60_000);
    process.stdout.write("through");
  `;
  const child = Bun.spawn([process.execPath, "-e", program], { stdin: "ignore", stdout: "pipe", stderr: "ignore" });
  expect(await child.stdout.text()).toBe("through");
});
