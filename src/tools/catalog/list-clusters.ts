import { failureText } from "../failure.ts";
import { table } from "../output/table.ts";
import { defineTool, readOnly } from "../tool.ts";

/** `list_clusters`: every cluster and how it is; an unreachable one is a row with its reason. */
export const listClusters = defineTool({
  name: "list_clusters",
  title: "List clusters",
  description:
    "Lists the configured Proxmox VE clusters: whether each answers, its PVE version, quorum, nodes online and what this server may do there. Start here to learn the cluster names.",
  cluster: "none",
  input: {},
  annotations: readOnly,
  async run(_, { proxmox, signal }) {
    const rows = await Promise.all(
      proxmox.names.map(async (name) => {
        const access = proxmox.access(name);
        const state = await proxmox.state(name, signal).catch((error: unknown) => {
          const reason = failureText(error);
          if (reason === undefined || signal.aborted) throw error;
          return reason;
        });
        if (typeof state === "string") return [name, "not asked", "", "", "", access, state];
        if (!state.reachable) return [name, "no answer", "", "", "", access, state.reason];
        const quorum = typeof state.quorate === "string" ? state.quorate : state.quorate ? "yes" : "NO";
        return [name, "reachable", state.version, quorum, `${state.nodesOnline} of ${state.nodes}`, access, ""];
      }),
    );
    return table(["cluster", "state", "version", "quorum", "nodes online", "access", "reason"], rows);
  },
});
