import { describe, expect, test } from "bun:test";
import {
  appendFileSync,
  chmodSync,
  chownSync,
  existsSync,
  lchownSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { configFile } from "../../support/config-file.ts";
import { cleanEnvironment, productCommand, runProduct } from "../../support/product.ts";
import { replyData, startRawServer } from "../../support/raw-server.ts";

const record = '{"time":"2026-11-27T10:00:00.000Z","audit":"sent","id":"0"}';
const isRoot = process.getuid?.() === 0;
const cannotMount = !isRoot || Bun.which("unshare") === null;

/** A configuration whose audit is `audit.jsonl` beside it, and a change made with it from the command line. */
async function scene() {
  const proxmox = await startRawServer(replyData(null));
  const cluster = { url: proxmox.url, user: "mcp@pve", token_id: "t", token_secret: "s", access: "full" };
  const config = await configFile({ clusters: { one: cluster }, audit_log: "audit.jsonl" });
  const path = join(config.folder, "audit.jsonl");
  return {
    folder: config.folder,
    path,
    text: () => readFileSync(path, "utf8"),
    /** The exit code, and what was said, without the folder's name. */
    async change() {
      const words = ["call", "set", "/nodes/pve1/qemu/100/config", "cores=1", "--config", config.path];
      const { code, stderr } = await runProduct(words);
      return { code, stderr: stderr.replaceAll(config.folder, "FOLDER") };
    },
    [Symbol.asyncDispose]: async () => {
      await proxmox[Symbol.asyncDispose]();
      await config[Symbol.asyncDispose]();
    },
  };
}

describe("a file that is not an audit", () => {
  test.each([
    ["a shell's start file", "export PATH=/usr/bin\n"],
    ["another log", '{"time":"2026-11-27T10:00:00.000Z","level":"info"}\n'],
    ["JSON", '{\n  "clusters": {}\n}\n'],
    ["an empty line", "\n"],
  ])("is never appended to, and the change is not made: %s", async (_, text) => {
    await using it = await scene();
    writeFileSync(it.path, text, { mode: 0o600 });
    const { code, stderr } = await it.change();
    expect({ code, text: it.text() }).toEqual({ code: 1, text });
    expect(stderr).toContain(
      "audit_log: FOLDER/audit.jsonl is not appended to: it holds something else than an audit. Name another file, or move it away",
    );
  });

  test("keeps a server from starting", async () => {
    await using it = await scene();
    writeFileSync(it.path, "alias ls=true\n", { mode: 0o600 });
    const { code, stderr } = await runProduct(["serve", "--port", "0", "--config", join(it.folder, "clusters.json")]);
    expect({ code, says: stderr.includes("holds something else than an audit") }).toEqual({ code: 2, says: true });
    expect(it.text()).toBe("alias ls=true\n");
  });

  test("a pipe and a device are refused, without waiting", async () => {
    await using it = await scene();
    await Bun.$`mkfifo ${it.path}`;
    expect(await it.change()).toMatchObject({ code: 1, stderr: expect.stringContaining("it is no regular file") });
    await Bun.$`rm ${it.path} && ln -s /dev/null ${it.path}`;
    expect(await it.change()).toMatchObject({ code: 1, stderr: expect.stringContaining("it is no regular file") });
  });
});

test.each([
  ["an audit", `${record}\n`],
  ["an empty file", ""],
])("%s is appended to", async (_, text) => {
  await using it = await scene();
  writeFileSync(it.path, text, { mode: 0o600 });
  expect((await it.change()).code).toBe(0);
  expect(it.text()).toStartWith(`${text}{"time":"`);
});

describe.skipIf(process.platform === "win32")("an audit that others can write", () => {
  test("is refused, as one in a folder that they can write is", async () => {
    await using it = await scene();
    writeFileSync(it.path, `${record}\n`);
    chmodSync(it.path, 0o622);
    const byAll = "audit_log: FOLDER/audit.jsonl is not used: it is writable by every user (mode 622). Run: chmod o-w";
    expect((await it.change()).stderr).toContain(byAll);
    expect(it.text()).toBe(`${record}\n`);
    chmodSync(it.path, 0o600);
    mkdirSync(join(it.folder, "open"));
    chmodSync(join(it.folder, "open"), 0o777);
    const content = JSON.parse(readFileSync(join(it.folder, "clusters.json"), "utf8")) as object;
    writeFileSync(join(it.folder, "clusters.json"), JSON.stringify({ ...content, audit_log: "open/audit.jsonl" }));
    expect((await it.change()).stderr).toContain("its folder FOLDER/open is writable by every user");
    expect(existsSync(join(it.folder, "open/audit.jsonl"))).toBe(false);
  });

  test.skipIf(!isRoot)("nothing is made where another user's link points", async () => {
    await using it = await scene();
    symlinkSync("elsewhere", it.path);
    lchownSync(it.path, 12_345, 12_345);
    expect((await it.change()).stderr).toContain("the link FOLDER/audit.jsonl belongs to another user (uid 12345)");
    expect(existsSync(join(it.folder, "elsewhere"))).toBe(false);
    await Bun.$`rm ${it.path}`;
    writeFileSync(it.path, "");
    chownSync(it.path, 12_345, 0);
    expect((await it.change()).stderr).toContain("it belongs to another user (uid 12345). Run as root: chown 0");
  });
});

describe("a record that a full disk cut off", () => {
  test.each([record.slice(0, 12), record.slice(0, 30), record, `${record}\n${record.slice(0, 40)}`])(
    "does not take the next one with it: %s",
    async (text) => {
      await using it = await scene();
      writeFileSync(it.path, text, { mode: 0o600 });
      expect((await it.change()).code).toBe(0);
      const lines = it.text().trimEnd().split("\n");
      expect(lines.slice(0, -2).join("\n")).toBe(text);
      expect(lines.slice(-2).map((line) => JSON.parse(line).audit)).toEqual(["sent", "ended"]);
    },
  );

  test.skipIf(cannotMount)("on a disk that is full and then is not, every later record is whole", async () => {
    await using it = await scene();
    appendFileSync(it.path, "");
    // One page holds what there is and a part of the record; with the second file gone there is room again.
    const script = `
      mount -t tmpfs -o size=8k tmpfs "$1/disk"; printf '%s\\n' '${record}' > "$1/disk/audit.jsonl"
      i=0; while [ $i -lt 65 ]; do printf '%s\\n' '${record}' >> "$1/disk/audit.jsonl"; i=$((i+1)); done
      dd if=/dev/zero of="$1/disk/ballast" bs=4096 count=1 2>/dev/null
      folder=$1; shift; "$@" || echo "refused"; rm "$folder/disk/ballast"; "$@"; cat "$folder/disk/audit.jsonl"`;
    mkdirSync(join(it.folder, "disk"));
    const content = JSON.parse(readFileSync(join(it.folder, "clusters.json"), "utf8")) as object;
    writeFileSync(join(it.folder, "clusters.json"), JSON.stringify({ ...content, audit_log: "disk/audit.jsonl" }));
    const { stdout, stderr } = await inOwnMounts(script, it.folder);
    expect(stdout).toStartWith("refused\n");
    expect(stderr).toContain("cannot be written (ENOSPC)");
    const lines = stdout.trimEnd().split("\n");
    expect(lines.slice(-2).map((line) => JSON.parse(line).audit)).toEqual(["sent", "ended"]);
    expect(lines.at(-3)).toMatch(/^\{"time":"[^}]*$/);
  });
});

/** Runs a shell in a mount namespace of its own; its arguments are the folder and a change's command line. */
async function inOwnMounts(script: string, folder: string): Promise<{ stdout: string; stderr: string }> {
  const change = ["call", "set", "/nodes/pve1/qemu/100/config", "cores=1", "--config", join(folder, "clusters.json")];
  const run = Bun.spawn(["unshare", "--mount", "sh", "-c", script, "sh", folder, ...productCommand(), ...change], {
    env: cleanEnvironment(),
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr] = await Promise.all([run.stdout.text(), run.stderr.text()]);
  return { stdout, stderr };
}
