import { on, rootOnly } from "../../access.ts";
import { del, type Endpoint, get } from "../../endpoint.ts";
import type { Node } from "../../state/state.ts";

/** Which nodes belong to the cluster, as `corosync.conf` has them. */
export const membershipEndpoints: readonly Endpoint[] = [
  get("/cluster/config/nodes", {
    does: "The cluster's nodes with their votes.",
    needs: on("/", "Sys.Audit"),
    gives: "array",
    run: ({ world }) => {
      const row = ({ name, id, ip }: Node): object => ({
        node: name,
        name,
        nodeid: String(id),
        quorum_votes: "1",
        ring0_addr: ip,
      });
      return world.clustered ? [...world.nodes.values()].map(row) : [];
    },
  }),
  get("/cluster/config/qdevice", {
    does: "The state of the QDevice; nothing without one.",
    needs: on("/", "Sys.Audit"),
    run: () => ({}),
  }),
  del("/cluster/config/nodes/{node}", {
    does: "Remove a node from the cluster.",
    needs: rootOnly,
    // No token comes this far; a test that wants a node gone deletes it from `world.nodes`.
    run: () => null,
  }),
];
