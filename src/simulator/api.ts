import { anyone } from "./access.ts";
import { type Endpoint, get } from "./endpoint.ts";
import { accountEndpoints } from "./endpoints/access/index.ts";
import { poolEndpoints } from "./endpoints/access/pool.ts";
import { backupJobEndpoints } from "./endpoints/cluster/backup-jobs.ts";
import { clusterEndpoints } from "./endpoints/cluster/cluster.ts";
import { haEndpoints } from "./endpoints/cluster/ha.ts";
import { troubleEndpoints } from "./endpoints/cluster/health-endpoints.ts";
import { membershipEndpoints } from "./endpoints/cluster/membership.ts";
import { storageConfigEndpoints } from "./endpoints/cluster/storage-config.ts";
import { firewallEndpoints } from "./endpoints/firewall/index.ts";
import { backupEndpoints } from "./endpoints/guests/backup.ts";
import { lxcEndpoints } from "./endpoints/guests/lxc.ts";
import { qemuEndpoints } from "./endpoints/guests/qemu.ts";
import { networkEndpoints } from "./endpoints/nodes/network.ts";
import { nodeEndpoints } from "./endpoints/nodes/node.ts";
import { nodePowerEndpoints } from "./endpoints/nodes/node-power.ts";
import { nodeServiceEndpoints } from "./endpoints/nodes/services.ts";
import { storageEndpoints } from "./endpoints/nodes/storage.ts";
import { taskEndpoints } from "./endpoints/nodes/task.ts";
import { type Branch, grow } from "./router.ts";

const written: readonly Endpoint[] = [
  ...clusterEndpoints,
  ...backupEndpoints,
  ...backupJobEndpoints,
  ...nodeEndpoints,
  ...nodeServiceEndpoints,
  ...nodePowerEndpoints,
  ...networkEndpoints,
  ...membershipEndpoints,
  ...qemuEndpoints,
  ...lxcEndpoints,
  ...taskEndpoints,
  ...storageEndpoints,
  ...storageConfigEndpoints,
  ...accountEndpoints,
  ...poolEndpoints,
  ...troubleEndpoints,
  ...haEndpoints,
  ...firewallEndpoints,
];

/** Two directories name their entries otherwise than all the others. */
const named = ["/cluster", "/nodes/{node}"];

/** Proxmox answers GET on every directory with the names below it: those that no endpoint answers itself. */
function directories(branch: Branch, path: string): Endpoint[] {
  const below = [...branch.children].flatMap(([name, child]) => directories(child, `${path}/${name}`));
  const names = [...branch.children.keys()].filter((name) => !name.startsWith("{"));
  if (path === "" || branch.children.size === 0 || branch.endpoints.has("GET")) return below;
  const key = named.includes(path) ? "name" : "subdir";
  const index = get(path, {
    does: "What there is below.",
    needs: anyone,
    gives: "array",
    rows: "kept",
    run: () => names.map((name) => ({ [key]: name })),
  });
  return [index, ...below];
}

/** All that the demo answers: one table, from which both the router and `apidoc.js` are made. */
export const endpoints: readonly Endpoint[] = [...written, ...directories(grow(written), "")];
