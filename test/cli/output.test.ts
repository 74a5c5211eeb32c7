import { afterAll, beforeAll, expect, test } from "bun:test";
import { type ConfigFile, configFile } from "../support/config-file.ts";
import { type Identity, makeIdentity } from "../support/pki.ts";
import { cleanEnvironment, productCommand, runProduct } from "../support/product.ts";
import { type RawServer, reply, replyData, startRawServer } from "../support/raw-server.ts";

/** Clears the screen, in two alphabets, turns the direction of writing, and hides text: zero width, lines, tag characters. */
const evil = "\u001b[2J\u009b2J\u202e\u200b\u2028\u2029\u2060\ufeff\u{e0041}";
const shown = "\\u001b[2J\\u009b2J\\u202e\\u200b\\u2028\\u2029\\u2060\\ufeff\\u{e0041}";
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not come through.
const unsafe = /[\x00-\x09\x0b-\x1f\x7f-\x9f]|\p{Bidi_Control}|[\p{Zl}\p{Zp}]|(?![\u200c\u200d])\p{Cf}/u;

/** A server whose every word is hostile, its certificate's too. */
let server: RawServer;
let identity: Identity;
let config: ConfigFile;

const upid = "UPID:pve1:000001CB:0006E988:6B02C95B";
const answers: Record<string, unknown> = {
  version: { version: `9${evil}` },
  status: [{ type: "cluster", name: evil, quorate: 0 }],
  nodes: [{ node: evil, status: "offline" }],
  permissions: { [evil]: { [evil]: 1 } },
  rows: [{ [evil]: evil }],
  object: { [evil]: evil },
  escape: `${upid}:qmstart:100${evil}:root@pam:`,
  quote: `${upid}:qmstart:100';reboot;':root@pam:`,
};

beforeAll(async () => {
  identity = await makeIdentity({ subject: `CN=pve1${evil}`, names: ["pve1\u001b[2J"] });
  server = await startRawServer(
    (socket, request) => {
      const name = request.target.split("/").at(-1) ?? "";
      if (name in answers) replyData(answers[name])(socket, request);
      else {
        const body = JSON.stringify({ data: null, message: evil, errors: { [evil]: evil } });
        reply(400, "Bad Request", body, { "content-type": "application/json" })(socket, request);
      }
    },
    { tls: identity },
  );
  const token = { user: "mcp@pve", token_id: "agent", token_secret: "s3cr3t" };
  config = await configFile({
    clusters: {
      pinned: { url: server.url, ...token, fingerprint: identity.fingerprint, access: "full" },
      verified: { url: server.url, ...token },
    },
  });
});

afterAll(async () => {
  await Promise.all([server[Symbol.asyncDispose](), config[Symbol.asyncDispose]()]);
});

const call = (...words: string[]) => ["call", ...words, "--cluster", "pinned", "--config", config.path];

test.each([
  ["check", () => ["check", "--config", config.path]],
  ["check --json", () => ["check", "--json", "--config", config.path]],
  ["an error of call", () => call("get", "/error")],
  ["rows of call", () => call("get", "/rows", "--table")],
  ["an object of call", () => call("get", "/object", "--table")],
  ["JSON of call", () => call("get", "/rows", "--json")],
  ["a task's handle", () => call("create", "/escape", "--table")],
  ["trust", () => ["trust", server.url]],
])("what a hostile server says is shown and not obeyed: %s", async (_, words) => {
  const { stdout, stderr } = await runProduct(words());
  const text = `${stdout}${stderr}`;
  expect(text).toContain("[2J");
  expect(text).not.toMatch(unsafe);
});

test("keys are shown as values are, and JSON means what it meant", async () => {
  expect((await runProduct(call("get", "/object", "--table"))).stdout).toBe(`${shown}  ${shown}\n`);
  const { stdout } = await runProduct(call("get", "/rows", "--json"));
  expect(stdout).toContain("\\u009b2J\\u202e");
  expect(JSON.parse(stdout)).toEqual(answers["rows"] as object);
});

test("no line for the shell is made of what is no task's handle", async () => {
  for (const path of ["/escape", "/quote"]) {
    const { code, stderr } = await runProduct(call("create", path));
    expect(code).toBe(0);
    expect(stderr).not.toContain("The task was started");
    expect(stderr).not.toContain("UPID");
  }
});

test.skipIf(process.platform !== "linux")("an output that is lost is told, exit 1", async () => {
  for (const words of [call("get", "/rows"), ["check", "--demo"], ["check", "--demo", "--json"]]) {
    const line = `'${[...productCommand(), ...words].join("' '")}' > /dev/full`;
    const shell = Bun.spawn(["sh", "-c", line], { env: cleanEnvironment(), stderr: "pipe" });
    const [stderr, code] = await Promise.all([shell.stderr.text(), shell.exited]);
    expect(stderr).toMatch(/^The output could not be written and is not whole: ENOSPC.*\n$/);
    expect(code).toBe(1);
  }
});

test("many lines on stderr leave no listeners behind, about which the runtime would warn there", async () => {
  const token = { user: "mcp@pve", token_id: "agent", token_secret: "s3cr3t" };
  const cluster = { url: server.url, ...token, verify_ssl: false, access: "full" };
  const names = Array.from({ length: 12 }, (_, index) => `c${index}`);
  await using loose = await configFile({ clusters: Object.fromEntries(names.map((name) => [name, cluster])) });
  const { stderr } = await runProduct(["call", "get", "/error", "--cluster", "c0", "--config", loose.path]);
  expect(stderr.match(/^Cluster c\d+ accepts any certificate/gm)).toHaveLength(names.length);
  expect(stderr).not.toContain("MaxListeners");
});

test.each([["call"], ["call", "get"], ["trust"], ["chekc"]].map((words) => [words.join(" "), words] as const))(
  "a command line that is not whole or not known is exit 2: %s",
  async (_, words) => {
    expect(await runProduct([...words])).toMatchObject({ code: 2, stdout: "" });
  },
);
