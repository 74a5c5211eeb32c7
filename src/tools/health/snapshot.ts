import type { Finding } from "./finding.ts";
import type { ceph, clusterReadings, nodeReadings, version } from "./queries.ts";

export interface GuestSummary {
  readonly vmid: number;
  readonly type: "qemu" | "lxc";
  /** Absent on a node that is offline. */
  readonly name: string | undefined;
  readonly node: string;
  /** `unknown` on a node that is offline. */
  readonly status: string;
  readonly pool: string | undefined;
  readonly template: boolean;
  /** Seconds; 0 while it is off. */
  readonly uptime: number;
}

/** A storage as one node has it. */
export interface NodeStorage {
  readonly name: string;
  readonly node: string;
  /** False where the node sends no figures of it. */
  readonly active: boolean;
  /** `dir`, `rbd`. */
  readonly type: string;
  readonly shared: boolean;
  /** Bytes. */
  readonly used: number;
  readonly total: number;
}

export interface NodeSummary {
  readonly name: string;
  /** `online`, `offline`, or `unknown` while it sends no figures. */
  readonly status: string;
  /** Bytes of the root file system. */
  readonly used: number;
  readonly total: number;
  /** Why it gave no answer though it counts as online. */
  readonly silent: string | undefined;
}

type ClusterValues = {
  [Name in keyof typeof clusterReadings]: ReturnType<(typeof clusterReadings)[Name]["parse"]>;
} & {
  ceph: ReturnType<(typeof ceph)["parse"]>;
  backupFiles: BackupFiles;
};

type NodeValues = {
  [Name in keyof typeof nodeReadings]: ReturnType<(typeof nodeReadings)[Name]["parse"]>;
} & {
  version: ReturnType<(typeof version)["parse"]>;
};

export type ReadingName = keyof ClusterValues | keyof NodeValues;

/** What was read of a node that answers; what could not be read is `undefined`, and said elsewhere. */
export type NodeSnapshot<Name extends ReadingName = ReadingName> = { readonly name: string } & {
  readonly [Each in Name & keyof NodeValues]?: NodeValues[Each] | undefined;
};

/** What was read of a cluster; what could not be read is `undefined`, and said elsewhere. */
export type HealthSnapshot<Name extends ReadingName = ReadingName> = {
  readonly cluster: string;
  /** The cluster's clock, in seconds since 1970. */
  readonly now: number;
  readonly guests: readonly GuestSummary[];
  readonly storages: readonly NodeStorage[];
  readonly hosts: readonly NodeSummary[];
  /** The nodes that answer. */
  readonly nodes: readonly NodeSnapshot<Name>[];
} & { readonly [Each in Name & keyof ClusterValues]?: ClusterValues[Each] | undefined };

/** Finds one kind of trouble in what was read of a cluster. */
export interface Detector {
  readonly name: string;
  /** Beside guests, storages and hosts, which are always there. */
  readonly reads: readonly ReadingName[];
  find(view: HealthSnapshot): readonly Finding[];
}

/** Makes a detector of its definition: `find` sees what it says that it reads, and no more. */
export function defineDetector<const Name extends ReadingName = never>(detector: {
  readonly name: string;
  readonly reads: readonly Name[];
  find(view: HealthSnapshot<Name>): readonly Finding[];
}): Detector {
  return detector;
}

/** The backups on one storage. */
export interface StoredBackups {
  /** When each guest was last backed up to it, in seconds since 1970, by VMID. */
  readonly newest: ReadonlyMap<number, number>;
  /** The nodes whose guests' backups were looked at: of a storage that is not shared, those that could be asked. */
  readonly nodes: ReadonlySet<string>;
}

/** What backups there are, by the storage of backup jobs; only storages that could be read. */
export type BackupFiles = ReadonlyMap<string, StoredBackups>;
