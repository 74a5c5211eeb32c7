import { expect, test } from "bun:test";
import { runGemini } from "../support/gemini.ts";
import { startProduct } from "../support/product.ts";

const script = [
  { tool: "list_nodes", args: {} },
  { tool: "proxmox_api_call", args: { cluster: "alpha", method: "GET", path: "/nodes/pve1/qemu/100/config" } },
  { tool: "proxmox_api_call", args: { cluster: "alpha", method: "GET", path: "/nodes/pve9/status" } },
];

test.each([
  ["SSE", (url: string) => ({ url: `${url}/sse`, type: "sse" })],
  ["Streamable HTTP", (url: string) => ({ httpUrl: `${url}/mcp` })],
])(
  "the real Gemini CLI, with a scripted model, calls tools over %s and understands answers and errors",
  async (_, entry) => {
    await using product = await startProduct(["--demo"]);
    const { exchanges, offered, stdout } = await runGemini(entry(product.url), script);
    expect(offered.filter((name) => name.includes("proxmox")).length).toBeGreaterThanOrEqual(4);
    expect(exchanges).toHaveLength(script.length);
    const [nodes, config, error] = exchanges;
    expect(nodes?.result).toContain("alpha\tpve1\tonline");
    expect(nodes?.result).toContain("beta\tbpve\tonline");
    expect(config?.result).toContain('"name":"web-01"');
    expect(error?.result).toContain("pve9");
    expect(stdout).toContain("The script is done.");
  },
  240_000,
);
