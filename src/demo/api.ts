import { anyone } from "./access.ts";
import { accountEndpoints } from "./accounts/index.ts";
import { backupEndpoints } from "./backup.ts";
import { backupJobEndpoints } from "./backup-jobs.ts";
import { clusterEndpoints } from "./cluster.ts";
import { type Endpoint, get } from "./endpoint.ts";
import { firewallEndpoints } from "./firewall/index.ts";
import { haEndpoints } from "./ha.ts";
import { lxcEndpoints } from "./lxc.ts";
import { membershipEndpoints } from "./membership.ts";
import { networkEndpoints } from "./network-endpoints.ts";
import { nodeEndpoints } from "./node.ts";
import { nodePowerEndpoints } from "./node-power.ts";
import { poolEndpoints } from "./pool.ts";
import { qemuEndpoints } from "./qemu.ts";
import { type Branch, grow } from "./router.ts";
import { nodeServiceEndpoints } from "./services.ts";
import { storageEndpoints } from "./storage.ts";
import { storageConfigEndpoints } from "./storage-config.ts";
import { taskEndpoints } from "./task.ts";
import { troubleEndpoints } from "./trouble.ts";

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
