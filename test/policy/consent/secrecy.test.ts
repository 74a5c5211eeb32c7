import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { endpoints } from "../../../src/simulator/api.ts";
import { httpClient, type McpClient, sseClient } from "../../support/clients.ts";
import { type Stage, setStage } from "../stage.ts";

const tokens = { agent: "a-long-enough-token-of-the-agent", watcher: "a-long-enough-token-of-the-watcher" };

function sha256(text: string): string {
  return new Bun.CryptoHasher("sha256").update(text).digest("hex");
}

/** Every spelling of a code in which a model could use it, or put it together again. */
function spellings(code: string): string[] {
  const secret = code.slice(5).replaceAll("-", "");
  const base64 = [0, 1, 2].map((offset) =>
    Buffer.from(`${"x".repeat(offset)}${secret}`)
      .toString("base64")
      .replace(/=+$/, "")
      .slice(offset + 1, -2),
  );
  return [
    code,
    code.slice(5),
    secret,
    secret.toLowerCase(),
    [...secret].join(" "),
    ...base64,
    Buffer.from(secret).toString("hex"),
  ];
}

/** A path of the API with something that exists for each variable. */
function fill(template: string): string {
  const values: Readonly<Record<string, string>> = { node: "pve1", vmid: "100", storage: "local", userid: "mcp@pve" };
  return template.replaceAll(/\{(\w+)\}/g, (_, name: string) => values[name] ?? "x");
}

describe("a model on a Proxmox node, whose journal holds what this server writes to stderr", () => {
  let stage: Stage;
  let logs: string;
  let agent: McpClient;
  let watcher: McpClient;
  let codes: readonly string[];
  const marker = "echo marker-of-the-agent";

  beforeAll(async () => {
    logs = mkdtempSync(join(tmpdir(), "mcp-logs-"));
    stage = await setStage({
      top: {
        callers: {
          agent: { token_sha256: sha256(tokens.agent) },
          watcher: { token_sha256: sha256(tokens.watcher), access: "read-only" },
        },
      },
      // As systemd sets it for the unit's LogsDirectory.
      env: { LOGS_DIRECTORY: logs, MCP_LOG_LEVEL: "debug" },
    });
    const headers = (token: string) => ({ url: stage.product.url, headers: { authorization: `Bearer ${token}` } });
    agent = await httpClient(headers(tokens.agent));
    watcher = await sseClient(headers(tokens.watcher));
    await stage.admin("POST", "/nodes/pve1/qemu/100/status/start").catch(() => undefined);
    const calls = [
      { method: "POST", path: "/nodes/pve1/qemu/100/agent/exec", data: { command: ["sh", "-c", marker] } },
      { method: "DELETE", path: `/nodes/pve1/qemu/${await stage.makeGuest("target")}` },
    ];
    for (const call of calls) {
      expect((await agent.call("proxmox_api_call", call)).text).toContain("NOT EXECUTED");
    }
    codes = (await stage.consents()).flatMap(({ code }) => code ?? []);
    expect(codes).toHaveLength(2);
  });

  afterAll(async () => {
    await Promise.all([agent[Symbol.asyncDispose](), watcher[Symbol.asyncDispose]()]);
    await stage[Symbol.asyncDispose]();
    rmSync(logs, { recursive: true, force: true });
  });

  /** What this server has written so far is in the journal of its node. */
  function fillJournal(): void {
    const journal = stage.world.nodes.get("pve1")?.journal;
    if (journal === undefined) throw new Error("the simulator has no journal");
    journal.splice(0, journal.length, ...stage.product.stderr().split("\n"));
  }

  function expectNoCode(text: string): void {
    for (const spelling of codes.flatMap(spellings)) {
      expect(text.toLowerCase()).not.toContain(spelling.toLowerCase());
    }
  }

  /** Every answer of every tool that may tell something, with every path of the API that can be read. */
  async function everything(client: McpClient): Promise<string> {
    const answers: string[] = [];
    const ask = async (tool: string, args: Record<string, unknown> = {}) => {
      fillJournal();
      answers.push((await client.call(tool, args)).text);
    };
    for (const tool of await client.listTools()) await ask(tool);
    await ask("search_api", { query: "consent code in the log" });
    const paths = endpoints.flatMap(({ method, path }) => (method === "GET" ? [fill(path)] : []));
    for (let i = 0; i < paths.length; i += 20) {
      await ask("proxmox_api_read", { requests: paths.slice(i, i + 20).map((path) => ({ path })) });
    }
    for (const path of ["/nodes/pve1/journal", "/nodes/pve1/syslog"]) {
      await ask("proxmox_api_read", { requests: [{ path, data: { lastentries: 5000, limit: 5000 } }] });
    }
    for (const service of ["proxmox-mcp", "pvedaemon"]) {
      await ask("proxmox_api_read", { requests: [{ path: "/nodes/pve1/syslog", data: { service, limit: 5000 } }] });
    }
    return answers.join("\n");
  }

  test("the journal does hold what the server writes: else nothing below proves anything", async () => {
    fillJournal();
    const { text } = await watcher.call("proxmox_api_read", {
      requests: [{ path: "/nodes/pve1/journal", data: { lastentries: 5000 } }],
    });
    expect(text).toContain("proxmox-mcp");
  });

  test("neither the caller that asked nor another one learns a code, from any tool and any log", async () => {
    for (const client of [agent, watcher]) expectNoCode(await everything(client));
    expectNoCode(stage.product.stderr());
  });

  test("a read-only caller does not learn what another caller asked", async () => {
    expect(await everything(watcher)).not.toContain(marker);
    expect(stage.product.stderr()).not.toContain(marker);
    // It is in the audit, which is a file that no API of Proxmox reads.
    expect(readFileSync(join(logs, "audit.jsonl"), "utf8")).toContain(marker);
  });

  test("what somebody wrote into a guest's notes of an open code is not shown either", async () => {
    const [code = ""] = codes;
    await stage.admin("PUT", "/nodes/pve1/qemu/101/config", { description: `the code is ${code.toLowerCase()} ok` });
    const { text } = await agent.call("proxmox_api_call", { path: "/nodes/pve1/qemu/101/config" });
    expect(text).toContain("the code is");
    expectNoCode(text);
  });
});
