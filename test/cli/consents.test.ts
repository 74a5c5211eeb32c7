import { expect, test } from "bun:test";
import { openControl } from "../../src/control/listen.ts";
import { privateFolder } from "../support/private-folder.ts";
import { runProduct } from "../support/product.ts";
import { question, serverStatus } from "../support/questions.ts";

/** Runs `consents` against servers in the test's own process that have these questions open. */
async function consents(servers: readonly (readonly ReturnType<typeof question>[])[], ...args: string[]) {
  await using folder = await privateFolder();
  const sockets = servers.map((questions, index) =>
    openControl(folder.path, "serve", {
      questions: () => questions,
      status: () => ({ ...serverStatus, pid: index + 1 }),
    }),
  );
  const result = await runProduct(["consents", ...args], { MCP_RUNTIME_DIR: folder.path });
  await Promise.all(sockets.map((socket) => socket.close()));
  return result;
}

test("a question is shown with its code, who asks, how long it is open, and its whole plan", async () => {
  const plan = ["DELETE VM 104 web-01 on alpha: cannot be undone", `command: echo ${"x".repeat(5000)}; rm -rf /`];
  const { code, stdout, stderr } = await consents([[question({ plan })]]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).toBe(
    `${[
      "K7Q2  DELETE /nodes/pve1/qemu/104 on alpha",
      '  asked by chat with "gemini-cli 0.61.0" 2m ago; expires in 8m',
      "  code K7Q2-9FGH-3MNP (3 tries left)",
      ...plan.map((line) => `  | ${line}`),
    ].join("\n")}\n`,
  );
});

test("what no code answers has none, and what was tried too often says so", async () => {
  const questions = [
    question({ id: "AAAA", method: "form", code: undefined, ageMs: 10 }),
    question({ id: "BBBB", triesLeft: 1 }),
    question({ id: "CCCC", code: undefined, triesLeft: 0, remainingMs: 0 }),
  ];
  const { stdout } = await consents([questions]);
  expect(stdout).toContain("  no code: the client asks its user\n");
  expect(stdout).toContain("just now; expires in 8m");
  expect(stdout).toContain("(1 try left)");
  expect(stdout).toContain("; expired\n");
  expect(stdout).toContain("closed: too many wrong codes were sent for it");
});

test("what a guest, a client or a model wrote cannot move the cursor, reverse text or add lines", async () => {
  const hostile = "a\u001b[2J\u202eb\ncode AAAA-BBBB-CCCC\u2028c\r\u200bd\u{e0041}";
  const shown = "a\\u001b[2J\\u202eb\\ncode AAAA-BBBB-CCCC\\u2028c\\r\\u200bd\\u{e0041}";
  const { stdout } = await consents([
    [question({ plan: [hostile], client: hostile, caller: hostile, request: hostile, cluster: hostile })],
  ]);
  expect(stdout.trimEnd().split("\n")).toEqual([
    `K7Q2  ${shown} on ${shown}`,
    `  asked by ${shown} with "${shown}" 2m ago; expires in 8m`,
    "  code K7Q2-9FGH-3MNP (3 tries left)",
    `  | ${shown}`,
  ]);
});

test("the questions of several servers are listed under the name of each", async () => {
  const { code, stdout } = await consents([[question({ id: "AAAA" })], [], [question({ id: "CCCC" })]]);
  expect(code).toBe(0);
  const heads = stdout.split("\n").filter((line) => /^\S/.test(line));
  expect(heads.toSorted()).toEqual([
    "AAAA  DELETE /nodes/pve1/qemu/104 on alpha",
    "CCCC  DELETE /nodes/pve1/qemu/104 on alpha",
    "http://127.0.0.1:8000 (pid 1):",
    "http://127.0.0.1:8000 (pid 3):",
  ]);
});

test("where nothing is open one line says so", async () => {
  const { code, stdout, stderr } = await consents([[]]);
  expect({ code, stdout, stderr }).toEqual({
    code: 0,
    stdout: "No open questions (http://127.0.0.1:8000 (pid 1)).\n",
    stderr: "",
  });
});

test("--json prints all of it as one document", async () => {
  const asked = [question({ plan: ["a\u009b31m\u202e"] }), question({ code: undefined })];
  const { code, stdout } = await consents([asked], "--json");
  expect(code).toBe(0);
  expect(stdout).not.toMatch(/[\u0080-\u009f\u202e]/);
  const { version, transport, url } = serverStatus;
  expect(JSON.parse(stdout)).toEqual({
    servers: [
      {
        server: { version, pid: 1, transport, url },
        questions: [asked[0], JSON.parse(JSON.stringify(asked[1]))],
      },
    ],
    problems: [],
  });
});

test("a server that answers something else is reported on stderr, and the others are shown", async () => {
  await using folder = await privateFolder();
  const socket = openControl(folder.path, "serve", { questions: () => [question()], status: () => serverStatus });
  const broken = openControl(folder.path, "stdio", {
    questions: () => {
      throw new Error("broken");
    },
    status: () => serverStatus,
  });
  const { code, stdout, stderr } = await runProduct(["consents"], { MCP_RUNTIME_DIR: folder.path });
  expect(code).toBe(1);
  expect(stdout).toContain("K7Q2-9FGH-3MNP");
  expect(stderr).toBe(`${broken.path}: a server of another version answers (status 500).\n`);
  await Promise.all([socket.close(), broken.close()]);
});
