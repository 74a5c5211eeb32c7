import type { McpClient, ToolAnswer } from "../support/clients.ts";

/** A call of a tool, and what its answer must hold. */
export interface Work {
  readonly tool: string;
  readonly args: Record<string, unknown>;
  readonly expected: RegExp;
}

/** Paths of guests of alpha that are never changed. */
const paths = [100, 101, 102, 103].flatMap((vmid) =>
  ["config", "status/current", "pending", "firewall/rules", "snapshot"].map(
    (leaf) => `/nodes/pve1/qemu/${vmid}/${leaf}`,
  ),
);

const cluster = "alpha";

/** What readers do over and over. */
export const reads: readonly Work[] = [
  { tool: "list_clusters", args: {}, expected: /alpha/ },
  { tool: "list_nodes", args: {}, expected: /pve1/ },
  { tool: "get_cluster_resources", args: { limit: 1000 }, expected: /gitlab/ },
  { tool: "get_cluster_resources", args: { search: "status:running tag:prod", sort: "-cpu" }, expected: /web-01/ },
  { tool: "cluster_health", args: {}, expected: /alpha/ },
  { tool: "search_api", args: { query: "resize a disk of a guest" }, expected: /resize/ },
  { tool: "describe_api", args: { path: "/nodes/{node}/qemu/{vmid}/config" }, expected: /memory/ },
  { tool: "proxmox_api_read", args: { requests: paths.map((path) => ({ cluster, path })) }, expected: /vmid|name/ },
  { tool: "proxmox_api_call", args: { cluster, path: "/guests/web-01/config" }, expected: /web-01/ },
  { tool: "list_tasks", args: { limit: 200 }, expected: /alpha/ },
  // Mistakes that models make.
  { tool: "proxmox_api_call", args: { cluster, path: "/nodes/pve1/qemu/999/config" }, expected: /999/ },
  { tool: "proxmox_api_call", args: { cluster: "delta", path: "/version" }, expected: /delta/ },
  { tool: "get_cluster_resources", args: { srch: "x" }, expected: /srch/ },
  { tool: "list_nodes", args: { cluster: 7 }, expected: /cluster/ },
];

/** What writers do over and over, each with a guest of its own that runs. */
export function writesTo(guest: string): readonly Work[] {
  const config = { cluster, path: `/guests/${guest}/config`, method: "PUT" };
  return [
    { tool: "proxmox_api_call", args: { ...config, data: { tags: "soak;one" } }, expected: /alpha/ },
    { tool: "guest_power", args: { cluster, guest, action: "stop" }, expected: /stopped|is off/ },
    { tool: "guest_power", args: { cluster, guest, action: "start" }, expected: /started|running/ },
    { tool: "proxmox_api_call", args: { ...config, data: { tags: "soak;two" } }, expected: /alpha/ },
    { tool: "list_tasks", args: { cluster, guest, limit: 5 }, expected: /qmstop|qmstart/ },
  ];
}

/** The cluster `gamma` comes and goes with the reloads, and calls over all clusters end with it. */
const ended = /the cluster gamma was removed from the configuration/;

/** Does some work; gives what was wrong with its answer, if anything. */
export async function run(client: McpClient, { tool, args, expected }: Work): Promise<string | undefined> {
  try {
    const answer: ToolAnswer = await client.call(tool, args, { timeout: 60_000 });
    return expected.test(answer.text) || ended.test(answer.text)
      ? undefined
      : `${tool} ${JSON.stringify(args)}: ${answer.text.slice(0, 300)}`;
  } catch (error) {
    return `${tool} ${JSON.stringify(args)}: ${error instanceof Error ? error.message : String(error)}`;
  }
}
