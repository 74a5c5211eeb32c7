/** How a kind of task shows what it was asked for; `none` where type and id are all there is to ask for. */
export type EvidenceKind =
  | "none"
  | "suspend"
  | "stop"
  | "update"
  | "creation"
  | "destruction"
  | "clone"
  | "migration"
  | "move"
  | "resize"
  | "snapshot"
  | "snapshot-deletion"
  | "rollback"
  | "backup"
  | "download"
  | "removal";

/** Parameters that choose no other effect. */
export const neutralParams: readonly string[] = ["node", "vmid", "skiplock", "timeout", "digest", "bwlimit", "delay"];

/**
 * The parameters that each kind of evidence shows, or that go with what it shows: a VMID is cloned to once. All
 * others that a request has leave open whether a task is its own.
 */
export const shownParams: Readonly<Record<EvidenceKind, readonly string[] | "all">> = {
  none: [],
  suspend: ["todisk"],
  stop: [],
  update: "all",
  creation: "all",
  destruction: ["purge"],
  clone: ["newid", "name", "hostname", "description", "full", "format", "storage", "target", "pool", "snapname"],
  migration: ["target", "online", "with-local-disks", "targetstorage", "target-storage", "restart"],
  move: ["disk", "volume", "storage"],
  resize: ["disk", "size"],
  snapshot: ["snapname", "description", "vmstate"],
  "snapshot-deletion": ["snapname"],
  rollback: ["snapname"],
  backup: "all",
  download: ["url", "filename", "content"],
  removal: ["storage", "volume"],
};
