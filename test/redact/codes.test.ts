import { expect, test } from "bun:test";
import { Redactor } from "../../src/redact/redactor.ts";
import { setStage } from "../policy/stage.ts";
import { clusterAt } from "../proxmox/clusters.ts";
import { httpClient, modernClient, sseClient } from "../support/clients.ts";
import { configOf } from "../support/guarded.ts";
import { listenTo } from "../support/listening.ts";
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
  await using stage = await setStage();
  const { product, world, makeGuest } = stage;
  await using client = await httpClient(product);
  await client.call("proxmox_api_call", { method: "DELETE", path: `/nodes/pve1/qemu/${await makeGuest("web")}` });
  const [{ code = "" } = {}] = await stage.consents();
  world.nodes.get("pve1")?.journal.push(`code ${code}`, code.toLowerCase().replaceAll("-", " "), btoa(code));
  const { text } = await client.call("proxmox_api_call", { path: "/nodes/pve1/journal" });
  expect(text.match(/\[consent code\]/g)).toHaveLength(3);
  expect(isShown(text, symbols(code))).toBe(false);
});
