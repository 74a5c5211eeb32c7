import type { Tool } from "../tool.ts";
import { clusterHealth } from "./cluster-health.ts";
import { describeApi } from "./describe-api.ts";
import { getClusterResources } from "./get-cluster-resources.ts";
import { guestPower } from "./guest-power.ts";
import { listClusters } from "./list-clusters.ts";
import { listNodes } from "./list-nodes.ts";
import { listTasks } from "./list-tasks.ts";
import { proxmoxApiCall } from "./proxmox-api-call.ts";
import { proxmoxApiRead } from "./proxmox-api-read.ts";
import { searchApi } from "./search-api.ts";
import { waitForTask } from "./wait-for-task.ts";

/** Every tool, in the order of tools/list. A new one is a file and a line here. */
export const tools: readonly Tool[] = [
  listClusters,
  listNodes,
  getClusterResources,
  clusterHealth,
  searchApi,
  describeApi,
  proxmoxApiRead,
  proxmoxApiCall,
  listTasks,
  waitForTask,
  guestPower,
];
