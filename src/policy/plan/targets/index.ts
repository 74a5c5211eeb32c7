import type { DescriberRow } from "../describer.ts";
import {
  describeAccessCreation,
  describeGroup,
  describePassword,
  describeRealm,
  describeRole,
  describeToken,
  describeUser,
} from "./access/accounts.ts";
import { describeAcl } from "./access/acl.ts";
import { describePool } from "./access/pool.ts";
import { describeBackupJob, describeBackupRun, describeReplication } from "./backup-job.ts";
import { describeBulk } from "./bulk.ts";
import { describeHostDisk } from "./disk.ts";
import { describeFirewallEntry, describeFirewallOptions, describeFirewallRule } from "./firewall.ts";
import { describeAgentCall, describeAgentFile, describeCommand } from "./guest/agent.ts";
import { describeGuestConfig } from "./guest/config.ts";
import {
  describeCreation,
  describeDeletion,
  describeDiskMove,
  describeGuestCall,
  describePlacement,
  describeResize,
  describeTemplate,
  describeUnlink,
} from "./guest/guest.ts";
import { describePower } from "./guest/power.ts";
import { describeRollback, describeSnapshotConfig, describeSnapshotDeletion } from "./guest/snapshot.ts";
import {
  describeHaCreation,
  describeHaDisarm,
  describeHaGroup,
  describeHaMove,
  describeHaResource,
  describeHaRule,
} from "./ha.ts";
import {
  describeDns,
  describeInterface,
  describeInterfaceCreation,
  describeIpMapping,
  describeNetwork,
} from "./network.ts";
import { describeNodePower, describeNodeRemoval, describeService } from "./node.ts";
import { describeStorage, describeStorageCreation } from "./storage.ts";
import { describePrune, describeVolumeChange, describeVolumeCopy, describeVolumeDeletion } from "./volume.ts";

const guest = (method: string, below: string) =>
  ["qemu", "lxc"].map((type) => `${method} /nodes/{node}/${type}/{vmid}${below}`);

/** Who describes which calls; what no row covers is described by the object under its path. */
export const describers: readonly DescriberRow[] = [
  [
    [
      "POST /**/firewall/rules",
      "* /**/firewall/rules/{pos}",
      "POST /cluster/firewall/groups/{group}",
      "* /cluster/firewall/groups/{group}/{pos}",
    ],
    describeFirewallRule,
  ],
  [["* /**/firewall/aliases/**", "* /**/firewall/ipset/**", "* /cluster/firewall/groups/**"], describeFirewallEntry],
  [["PUT /**/firewall/options"], describeFirewallOptions],
  [guest("DELETE", ""), describeDeletion],
  [["POST /nodes/{node}/qemu", "POST /nodes/{node}/lxc"], describeCreation],
  [guest("PUT", "/config").concat(guest("POST", "/config")), describeGuestConfig],
  [guest("POST", "/status/{command}"), describePower],
  [guest("DELETE", "/snapshot/{snapname}"), describeSnapshotDeletion],
  [guest("POST", "/snapshot/{snapname}/rollback"), describeRollback],
  [guest("*", "/snapshot/{snapname}/config"), describeSnapshotConfig],
  [guest("POST", "/agent/exec"), describeCommand],
  [[...guest("POST", "/agent/file-write"), ...guest("GET", "/agent/file-read")], describeAgentFile],
  [guest("*", "/agent/**"), describeAgentCall],
  [guest("POST", "/template"), describeTemplate],
  [guest("PUT", "/resize"), describeResize],
  [guest("PUT", "/unlink"), describeUnlink],
  [[...guest("POST", "/move_disk"), ...guest("POST", "/move_volume")], describeDiskMove],
  [[...guest("POST", "/clone"), ...guest("POST", "/migrate"), ...guest("POST", "/remote_migrate")], describePlacement],
  [guest("*", "/**"), describeGuestCall],
  [["DELETE /nodes/{node}/storage/{storage}/content/{volume}"], describeVolumeDeletion],
  [["PUT /nodes/{node}/storage/{storage}/content/{volume}"], describeVolumeChange],
  [
    ["POST /nodes/{node}/storage/{storage}/content/{volume}", "POST /nodes/{node}/storage/{storage}/upload"],
    describeVolumeCopy,
  ],
  [["DELETE /nodes/{node}/storage/{storage}/prunebackups"], describePrune],
  [
    ["PUT /nodes/{node}/disks/wipedisk", "POST /nodes/{node}/disks/*", "DELETE /nodes/{node}/disks/*/{name}"],
    describeHostDisk,
  ],
  [["POST /storage"], describeStorageCreation],
  [["* /storage/{storage}"], describeStorage],
  [["PUT /access/acl"], describeAcl],
  [["POST /access/users", "POST /access/groups", "POST /access/roles", "POST /access/domains"], describeAccessCreation],
  [["* /access/users/{userid}/token/{tokenid}"], describeToken],
  [["* /access/users/{userid}"], describeUser],
  [["* /access/groups/{groupid}"], describeGroup],
  [["* /access/roles/{roleid}"], describeRole],
  [["PUT /access/domains/{realm}", "DELETE /access/domains/{realm}"], describeRealm],
  [["PUT /access/password", "* /access/tfa/**", "PUT /access/users/{userid}/unlock-tfa"], describePassword],
  [["PUT /pools", "DELETE /pools", "PUT /pools/{poolid}", "DELETE /pools/{poolid}"], describePool],
  [["POST /cluster/ha/resources"], describeHaCreation],
  [["POST /cluster/ha/resources/{sid}/*"], describeHaMove],
  [["* /cluster/ha/resources/{sid}"], describeHaResource],
  [["* /cluster/ha/rules/{rule}"], describeHaRule],
  [["* /cluster/ha/groups/{group}"], describeHaGroup],
  [["POST /cluster/ha/status/disarm-ha"], describeHaDisarm],
  [["POST /nodes/{node}/vzdump", "POST /cluster/backup"], describeBackupRun],
  [["* /cluster/backup/{id}"], describeBackupJob],
  [["* /cluster/replication/{id}"], describeReplication],
  [["POST /nodes/{node}/network"], describeInterfaceCreation],
  [["PUT /nodes/{node}/network", "DELETE /nodes/{node}/network"], describeNetwork],
  [["* /nodes/{node}/network/{iface}"], describeInterface],
  [["PUT /nodes/{node}/dns"], describeDns],
  [["PUT /cluster/sdn/vnets/{vnet}/ips"], describeIpMapping],
  [["POST /nodes/{node}/status"], describeNodePower],
  [["POST /nodes/{node}/services/{service}/*"], describeService],
  [["DELETE /cluster/config/nodes/{node}"], describeNodeRemoval],
  [
    [
      "POST /nodes/{node}/startall",
      "POST /nodes/{node}/stopall",
      "POST /nodes/{node}/suspendall",
      "POST /nodes/{node}/migrateall",
      "POST /cluster/bulk-action/guest/*",
    ],
    describeBulk,
  ],
];
