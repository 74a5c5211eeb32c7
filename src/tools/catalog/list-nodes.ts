import { askClusters } from "../ask-clusters.ts";
import { failureText } from "../failure.ts";
import { rowsOf } from "../output/rows.ts";
import { type Cell, table } from "../output/table.ts";
import { load, uptime, usage } from "../output/units.ts";
import type { Resource } from "../resources/resource.ts";
import { defineTool, readOnly, type ToolContext } from "../tool.ts";

/** A row of `GET /nodes`; the numbers are missing for an offline node and for a token without Sys.Audit. */
interface NodeRow extends Pick<Resource, "cpu" | "maxcpu" | "mem" | "maxmem" | "disk" | "maxdisk" | "uptime"> {
  readonly node: string;
  readonly status: string;
}

/** Proxmox supports clusters of some 32 nodes; for many more than that (or an answer that claims so) versions are left out. */
const maxVersions = 128;

/** A frozen node holds its version back for 30 s; the other nodes' rows must not wait for it. */
const versionTimeoutMs = 5000;

/** `list_nodes`: the nodes of one cluster or all, with load and version. */
export const listNodes = defineTool({
  name: "list_nodes",
  title: "List nodes",
  description:
    "Lists the nodes (hosts) of one cluster or of all: online or not, CPU, memory, root disk, uptime and PVE version. Not the guests: those are in get_cluster_resources.",
  cluster: "any",
  input: {},
  annotations: readOnly,
  async run({ cluster }, context) {
    const { answers, missing } = await askClusters(context, cluster, async (name) => {
      const answer = await context.proxmox.request(name, { method: "GET", path: ["nodes"], signal: context.signal });
      const nodes = rowsOf<NodeRow>(answer, "node").toSorted((a, b) => a.node.localeCompare(b.node));
      const withVersion = nodes.length <= maxVersions;
      return await Promise.all(nodes.map((node) => describe(context, answer.cluster, node, withVersion)));
    });
    const rows = answers.flatMap(({ value }) => value);
    const header = ["cluster", "node", "status", "version", "cpu", "memory", "root disk", "uptime"];
    return [table(header, rows), ...missing].join("\n");
  },
});

async function describe(context: ToolContext, cluster: string, node: NodeRow, withVersion: boolean): Promise<Cell[]> {
  const version = withVersion && node.status === "online" ? await readVersion(context, cluster, node.node) : "";
  return [
    cluster,
    node.node,
    node.status,
    version,
    load(node.cpu, node.maxcpu),
    usage(node.mem, node.maxmem),
    usage(node.disk, node.maxdisk),
    uptime(node.uptime),
  ];
}

/** The version of one node. A node that does not give it keeps its row: the reason stands in the cell. */
async function readVersion({ proxmox, signal }: ToolContext, cluster: string, node: string): Promise<string> {
  try {
    const path = ["nodes", node, "version"];
    const { data } = await proxmox.request(cluster, { method: "GET", path, signal, timeoutMs: versionTimeoutMs });
    const version = (data as { version?: unknown } | null)?.version;
    return typeof version === "string" ? version : "";
  } catch (error) {
    const reason = failureText(error);
    if (reason === undefined || signal.aborted) throw error;
    return reason;
  }
}
