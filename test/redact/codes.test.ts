import { expect, test } from "bun:test";
import { Redactor } from "../../src/redact/redactor.ts";
import { clusterAt } from "../proxmox/clusters.ts";
import { httpClient, modernClient, sseClient } from "../support/clients.ts";
import { configFile } from "../support/config-file.ts";
import { configOf } from "../support/guarded.ts";
import { listenTo, until } from "../support/listening.ts";
import { startProduct } from "../support/product.ts";
import { replyData, startRawServer } from "../support/raw-server.ts";
import { codeSpellings, symbols } from "./spellings.ts";

const code = "K7Q2-9FGH-3MNP";
const rest = symbols("9FGH-3MNP");

/** Whether letters and digits of a code stand in a text in its order or backwards. */
function isShown(text: string, wanted = rest): boolean {
  const shown = symbols(text);
  return shown.includes(wanted) || shown.includes([...wanted].reverse().join(""));
}

test.each([
  ["SSE", sseClient],
  ["Streamable HTTP", httpClient],
  ["2026-07-28", modernClient],
] as const)(
  "a model that reads a node's journal over %s does not read an open code there, however it is spelled",
  async (_, open) => {
    const spelled = codeSpellings.map(({ spell }) => spell(code, "", ""));
    const lines = spelled.map((text) => `Nov 27 10:00:00 pve1 proxmox-mcp[1]: code ${text} for ten minutes`);
    await using proxmox = await startRawServer((socket, { target }) =>
      replyData(target.includes("/syslog") ? lines.map((t, n) => ({ n, t })) : lines)(socket, {} as never),
    );
    const redactor = new Redactor();
    redactor.followCodes(() => [code]);
    const server = listenTo(configOf([clusterAt([proxmox.url])]), () => ({ redactor }), {}, redactor);
    await using client = await open(server);
    for (const path of ["/nodes/pve1/journal", "/nodes/pve1/syslog"]) {
      for (const [name, args] of [
        ["proxmox_api_call", { path }],
        ["proxmox_api_read", { requests: [{ path }] }],
      ] as const) {
        const { text } = await client.call(name, args);
        expect(text.match(/\[consent code\]/g)?.length).toBe(lines.length);
        expect(isShown(text)).toBe(false);
        expect(spelled.filter((each) => text.includes(each))).toEqual([]);
      }
    }
    await server.close();
  },
);

test("the server redacts the codes of its own open questions", async () => {
  let journal: string[] = [];
  await using proxmox = await startRawServer((socket, request) => {
    if (request.target.endsWith("/journal")) return replyData(journal)(socket, request);
    const guest = { id: "qemu/100", vmid: 100, type: "qemu", node: "pve1", name: "web", status: "stopped" };
    if (request.target.includes("/cluster/resources")) return replyData([guest])(socket, request);
    const data = /\/(?:config|current)$/.test(request.target) ? { name: "web", status: "stopped", digest: "d" } : [];
    replyData(data)(socket, request);
  });
  const cluster = { url: proxmox.url, user: "mcp@pve", token_id: "agent", token_secret: crypto.randomUUID() };
  await using config = await configFile({ clusters: { prod: cluster } });
  await using product = await startProduct(["--config", config.path]);
  await using client = await httpClient(product);
  await client.call("proxmox_api_call", { method: "DELETE", path: "/nodes/pve1/qemu/100" });
  await until(() => /consent code \S+ for/.test(product.stderr()));
  const open = /consent code (\S+) for/.exec(product.stderr())?.[1] ?? "";
  journal = [`code ${open}`, open.toLowerCase().replaceAll("-", " "), btoa(open)];
  const { text } = await client.call("proxmox_api_call", { path: "/nodes/pve1/journal" });
  expect(text.match(/\[consent code\]/g)).toHaveLength(3);
  expect(isShown(text, symbols(open))).toBe(false);
});
