import type { Detector } from "../snapshot.ts";
import { missingBackups, uncovered } from "./backups.ts";
import { ceph } from "./ceph.ts";
import { certificates } from "./certificates.ts";
import { disks, pools } from "./disks.ts";
import { availability } from "./ha.ts";
import { pressure } from "./load.ts";
import { subscriptions, updates } from "./maintenance.ts";
import { clocks, versions } from "./node-consistency.ts";
import { nodes, quorum } from "./nodes.ts";
import { replication } from "./replication.ts";
import { storage } from "./storage.ts";
import { failedBackups, failedTasks } from "./tasks.ts";

/** All detectors; findings of the same urgency are reported in this order: outages and data at risk first. */
export const detectors: readonly Detector[] = [
  quorum,
  nodes,
  ceph,
  pools,
  disks,
  storage,
  availability,
  failedBackups,
  missingBackups,
  replication,
  pressure,
  clocks,
  certificates,
  failedTasks,
  uncovered,
  versions,
  subscriptions,
  updates,
];
