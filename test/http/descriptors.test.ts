import { expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { configFile } from "../support/config-file.ts";
import { until } from "../support/listening.ts";
import { privateFolder } from "../support/private-folder.ts";
import { cleanEnvironment, productCommand } from "../support/product.ts";
import { replyData, startRawServer } from "../support/raw-server.ts";

const canLimit = process.platform === "linux";

/** Ticks of processor time that a process has used. */
async function ticksOf(pid: number): Promise<number> {
  const fields = (await Bun.file(`/proc/${pid}/stat`).text()).replace(/^.*\) /, "").split(" ");
  return Number(fields[11]) + Number(fields[12]);
}

test.skipIf(!canLimit)(
  "connections that take every descriptor do not make the server spin, and it takes calls again by itself",
  async () => {
    await using proxmox = await startRawServer(replyData([]));
    const cluster = { url: proxmox.url, user: "mcp@pve", token_id: "t", token_secret: "s" };
    await using config = await configFile({ clusters: { one: cluster } });
    await using runtime = await privateFolder();
    const limit = 64;
    const serve = [...productCommand(), "serve", "--port", "0", "--config", config.path];
    const child = Bun.spawn(["sh", "-c", `ulimit -n ${limit}; exec "$@"`, "sh", ...serve], {
      env: cleanEnvironment({ MCP_RUNTIME_DIR: runtime.path }),
      stderr: "pipe",
    });
    let said = "";
    const reading = (async () => {
      for await (const chunk of child.stderr.pipeThrough(new TextDecoderStream())) said += chunk;
    })();
    await until(() => / at http/.test(said), 10_000);
    const url = / at (http:\S+)/.exec(said)?.[1] ?? "";
    const read = async () => {
      const response = await fetch(`${url}/mcp`, {
        method: "POST",
        headers: { "content-type": "application/json", accept: "application/json, text/event-stream" },
        body: JSON.stringify({
          jsonrpc: "2.0",
          id: 1,
          method: "tools/call",
          params: { name: "proxmox_api_call", arguments: { path: "/nodes" } },
        }),
      });
      return await response.text();
    };
    expect(await read()).toContain('\\"data\\":[]');

    const idle: Socket[] = [];
    for (let count = 0; count < 2 * limit; count++) {
      const socket = connect(Number(new URL(url).port), "127.0.0.1");
      socket.on("error", () => undefined);
      idle.push(socket);
    }
    await until(() => said.includes("No file descriptor is left"), 10_000);
    const before = await ticksOf(child.pid);
    await Bun.sleep(1000);
    // A hundred ticks are a second of one processor.
    expect((await ticksOf(child.pid)) - before).toBeLessThan(20);

    // The runtime closes connections that say nothing, and the clients need not.
    await until(() => said.includes("File descriptors are free again"), 40_000);
    expect(await read()).toContain('\\"data\\":[]');
    for (const socket of idle) socket.destroy();
    child.kill();
    expect(await child.exited).toBe(0);
    await reading;
  },
  60_000,
);

test.skipIf(!canLimit)(
  "a first request to Proxmox without a descriptor is an error, and does not end the server",
  async () => {
    await using proxmox = await startRawServer(replyData([]));
    const cluster = { url: proxmox.url, user: "mcp@pve", token_id: "t", token_secret: "s" };
    await using config = await configFile({ clusters: { one: cluster } });
    await using runtime = await privateFolder();
    const limited = [
      "sh",
      "-c",
      'ulimit -n 64; exec "$@"',
      "sh",
      ...productCommand(),
      "stdio",
      "--config",
      config.path,
    ];
    const [command = "", ...args] = limited;
    const env = cleanEnvironment({ MCP_RUNTIME_DIR: runtime.path });
    const transport = new StdioClientTransport({ command, args, env, stderr: "ignore" });
    const client = new Client({ name: "tests", version: "1" });
    await client.connect(transport);
    const read = async () => {
      const { content } = await client.callTool({ name: "proxmox_api_call", arguments: { path: "/nodes" } });
      return JSON.stringify(content);
    };
    // Nothing but the control socket takes connections here.
    const [socketName = ""] = readdirSync(runtime.path);
    const descriptors = () => readdirSync(`/proc/${transport.pid}/fd`).length;
    const idle = Array.from({ length: 100 }, () =>
      connect(join(runtime.path, socketName)).on("error", () => undefined),
    );
    await until(() => descriptors() === 64);
    expect(await read()).toContain(`this server has no file descriptor left for a connection to ${proxmox.url}`);
    for (const socket of idle) socket.destroy();
    await until(() => descriptors() < 32);
    expect(await read()).toContain('\\"data\\":[]');
    await client.close();
  },
);
