import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createDemo } from "../../src/simulator/index.ts";
import { type ConfigFile, configFile } from "../support/config-file.ts";
import { type DemoServer, serveDemo } from "../support/demo-server.ts";
import { productCommand, runProduct } from "../support/product.ts";
import { type RawServer, reply, replyData, startRawServer } from "../support/raw-server.ts";

let demo: DemoServer;
let raw: RawServer;
let config: ConfigFile;

/** What the raw server answers next. */
let answer: unknown;

/** It serves no schema, which goes to stderr. */
let unchecked: string;

beforeAll(async () => {
  const [alpha] = createDemo({ authDelayMs: 0, offlineDelayMs: 0, taskMs: 0 }).clusters;
  if (alpha === undefined) throw new Error("the demo has no cluster");
  demo = await serveDemo(alpha);
  const page = "/pve-docs/api-viewer/apidoc.js";
  raw = await startRawServer((socket, request) =>
    (request.target === page ? reply(404, "Not Found", "") : replyData(answer))(socket, request),
  );
  unchecked = `Note: sent unchecked: raw does not serve its API schema (${raw.url}${page} answered 404).\n`;
  const { user, tokenId, tokenSecret } = alpha.credentials;
  const credentials = { user, token_id: tokenId, token_secret: tokenSecret };
  config = await configFile({
    clusters: {
      alpha: { url: demo.url, ...credentials },
      raw: { url: raw.url, ...credentials, access: "full" },
      careful: { url: raw.url, ...credentials, access: "read-only" },
    },
  });
});

afterAll(async () => {
  await Promise.all([demo.stop(), raw[Symbol.asyncDispose](), config[Symbol.asyncDispose]()]);
});

function call(...words: string[]) {
  return runProduct(["call", "--config", config.path, ...words]);
}

describe("what goes out", () => {
  test.each([
    ["get", "GET"],
    ["create", "POST"],
    ["set", "PUT"],
    ["delete", "DELETE"],
    ["Put", "PUT"],
  ])("%s is %s", async (word, method) => {
    answer = null;
    const { code, stderr } = await call(word, "/version", "--cluster", "raw");
    expect({ code, stderr }).toEqual({ code: 0, stderr: unchecked });
    expect(raw.requests.at(-1)?.method).toBe(method);
  });

  test("key=value are parameters, a repeated key is a list, and only the first = divides", async () => {
    answer = null;
    await call(
      "set",
      "nodes/pve1/qemu/100/config",
      "--cluster",
      "raw",
      "net0=virtio,bridge=vmbr0",
      "delete=a",
      "delete=b",
    );
    const { target, body } = raw.requests.at(-1) ?? {};
    expect({ target, body }).toEqual({
      target: "/api2/json/nodes/pve1/qemu/100/config",
      body: "net0=virtio%2Cbridge%3Dvmbr0&delete=a&delete=b",
    });
  });

  test("key=@file takes a file's text, and key=@@ begins a text with an @", async () => {
    answer = null;
    await Bun.write(`${config.folder}/notes.txt`, "line 1\nline 2\n");
    const file = `description=@${config.folder}/notes.txt`;
    await call("set", "/cluster/options", file, "keyboard=@@de", "--cluster", "raw");
    expect(raw.requests.at(-1)?.body).toBe("description=line+1%0Aline+2%0A&keyboard=%40de");
  });

  test("the policy of a cluster holds here, too: nothing is sent", async () => {
    const before = raw.requests.length;
    const { code, stdout, stderr } = await call("create", "/nodes/pve1/qemu/100/status/stop", "--cluster", "careful");
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toContain(
      'POST /nodes/pve1/qemu/100/status/stop on careful was not sent: the cluster has access "read-only"',
    );
    expect(raw.requests.length).toBe(before);
  });
});

describe("what comes back", () => {
  test("in a pipe it is JSON, as Proxmox gave it", async () => {
    const { code, stdout, stderr } = await call("get", "/nodes", "--cluster", "alpha");
    // A read waits a second for the schema, which a busy machine may exceed.
    const loading = "Note: sent unchecked: the API schema of alpha is still loading.\n";
    expect({ code, stderr: stderr.replace(loading, "") }).toEqual({ code: 0, stderr: "" });
    expect(JSON.parse(stdout)).toContainEqual(expect.objectContaining({ node: "pve1", status: "online" }));
  });

  test("a large answer comes whole through a pipe, and one that closes early is no error", async () => {
    answer = Array.from({ length: 20_000 }, (_, vmid) => ({ vmid, name: `guest-${vmid}` }));
    const { stdout } = await call("get", "/cluster/resources", "--cluster", "raw");
    expect(JSON.parse(stdout)).toEqual(answer as object);
    const command = [
      ...productCommand(),
      "call",
      "get",
      "/cluster/resources",
      "--cluster",
      "raw",
      "--config",
      config.path,
    ];
    const piped = Bun.spawn(["sh", "-c", `'${command.join("' '")}' | head -n 1`], { stderr: "pipe" });
    expect({ stdout: await piped.stdout.text(), stderr: await piped.stderr.text() }).toEqual({
      stdout: "[\n",
      stderr: unchecked,
    });
  });

  test("--table aligns rows, what tells them apart first, and shows control characters instead of sending them", async () => {
    answer = [
      { status: "running", name: "web", vmid: 100, tags: "b" },
      { vmid: 9000, name: "日本\u001b[2J\u009b", status: "stopped", net: { mtu: 1500 } },
    ];
    const { stdout } = await call("get", "/cluster/resources", "--cluster", "raw", "--table");
    expect(stdout).toMatchInlineSnapshot(`
      "vmid  name                 status   net           tags
      100   web                  running                b
      9000  日本\\u001b[2J\\u009b  stopped  {"mtu":1500}
      "
    `);
  });

  test("--table gives an object as lines, a list as lines, a text as it is, and null as nothing", async () => {
    const shown = async (data: unknown) => {
      answer = data;
      return (await call("get", "/x", "--cluster", "raw", "--table")).stdout;
    };
    expect(await shown({ memory: 512, cores: 1 })).toBe("cores   1\nmemory  512\n");
    expect(await shown(["a", "b"])).toBe("a\nb\n");
    expect(await shown("text")).toBe("text\n");
    expect(await shown(null)).toBe("");
  });

  test("on a terminal it is a table; one that is too wide becomes a block for each row", async () => {
    const wide = "x".repeat(60);
    answer = [
      { node: "pve1", a: wide, b: wide },
      { node: "pve2", a: "1" },
    ];
    expect(await onTerminal("get", "/nodes", "--cluster", "raw")).toBe(
      [`node  pve1`, `a     ${wide}`, `b     ${wide}`, "", "node  pve2", "a     1", ""].join("\r\n"),
    );
    answer = [{ node: "pve1", status: "online" }];
    expect(await onTerminal("get", "/nodes", "--cluster", "raw")).toBe("node  status\r\npve1  online\r\n");
    expect(await onTerminal("get", "/nodes", "--cluster", "raw", "--json")).toContain('"node": "pve1"');
  });

  test("no command is offered for a task of the demo, which ends with this command", async () => {
    const path = "/nodes/pve1/qemu/100/status/shutdown";
    const { code, stdout, stderr } = await runProduct(["call", "create", path, "--cluster", "alpha", "--demo"]);
    expect(code).toBe(0);
    expect(stdout).toContain("UPID:pve1:");
    expect(stderr).not.toContain("How it ends");
  });

  test("a task's handle is the answer; how to see its end goes to stderr, as a command that works", async () => {
    const { code, stdout, stderr } = await call("create", "/nodes/pve1/qemu/100/status/shutdown", "--cluster", "alpha");
    expect(code).toBe(0);
    const upid = JSON.parse(stdout);
    expect(upid).toStartWith("UPID:pve1:");
    const [, line = ""] = /How it ends: proxmox-mcp (.*)\n$/.exec(stderr) ?? [];
    const shell = Bun.spawn(["sh", "-c", `'${productCommand().join("' '")}' ${line}`], { stdout: "pipe" });
    expect(JSON.parse(await shell.stdout.text())).toMatchObject({ upid });
  });

  test("an error of Proxmox goes to stderr with what to do next, exit 1", async () => {
    const { code, stdout, stderr } = await call("get", "/nodes/pve1/qemu/9999/config", "--cluster", "alpha");
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toStartWith("GET /nodes/pve1/qemu/9999/config on alpha: 500, there is no guest 9999");
    expect(stderr).toContain("GET /cluster/resources");
  });
});

describe("a command line that is wrong sends nothing and says what is right", () => {
  test.each([
    ["no cluster among several", ["get", "/nodes"], 2, '"alpha", "raw", "careful"'],
    ["an unknown cluster", ["get", "/nodes", "--cluster", "alpa"], 2, 'Did you mean "alpha"?'],
    ["an unknown method", ["delte", "/nodes", "--cluster", "raw"], 2, "Did you mean delete?"],
    ["a parameter without =", ["get", "/nodes", "type", "--cluster", "raw"], 2, "written key=value"],
    [
      "pvesh's --key value",
      ["get", "/nodes", "--type", "vm", "--cluster", "raw"],
      2,
      "All else is written as KEY=VALUE.",
    ],
    ["a query in the path", ["get", "/nodes?type=vm", "--cluster", "raw"], 2, "write parameters behind the path"],
    ["a path out of the API", ["get", "/nodes/../access", "--cluster", "raw"], 2, '".."'],
    ["a file that is not there", ["set", "/x", "a=@/nonexistent/f.txt", "--cluster", "raw"], 2, "no such file"],
    ["both formats", ["get", "/nodes", "--json", "--table", "--cluster", "raw"], 2, "choose one"],
  ] as const)("%s", async (_, words, code, wanted) => {
    const before = raw.requests.length;
    const result = await call(...words);
    expect(result).toEqual({ code, stdout: "", stderr: expect.stringContaining(wanted) });
    expect(raw.requests.length).toBe(before);
  });

  test("a missing path: the usage, on stderr", async () => {
    const { code, stdout, stderr } = await call("get");
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain("proxmox-mcp call [OPTIONS] <METHOD> <PATH> [KEY=VALUE...]");
    expect(stderr).toContain("PATH");
  });

  test("flags before the command, which would be dropped: --demo must not reach real clusters", async () => {
    const result = await runProduct(["--demo", "call", "delete", "/nodes/pve1/qemu/100"]);
    expect(result).toMatchObject({ code: 2, stdout: "", stderr: expect.stringContaining("Write the command first") });
  });
});

/** Runs `call` with a terminal of 80 columns on stdout. */
async function onTerminal(...words: string[]): Promise<string> {
  const decoder = new TextDecoder();
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  let text = "";
  Bun.spawn([...productCommand(), "call", "--config", config.path, ...words], {
    terminal: {
      cols: 80,
      rows: 24,
      data: (_, data) => {
        text += decoder.decode(data, { stream: true });
      },
      // What was written may arrive after the process has ended; then comes this.
      exit: () => resolve(),
    },
  });
  await closed;
  // Its terminal shows stderr, too.
  return text.replace(unchecked.replace("\n", "\r\n"), "");
}
