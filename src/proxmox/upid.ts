/** What a task's handle says: `UPID:pve1:000001CB:0006E988:6B02C95B:qmdestroy:103:mcp@pve!tok:`. */
export interface Upid {
  /** Where the task runs, and where its status is read. */
  readonly node: string;
  readonly pid: number;
  /** The process's start, in clock ticks since the node booted. */
  readonly pstart: number;
  readonly started: Date;
  /** `qmstart`, `vzdump`, ... */
  readonly type: string;
  /** What it works on: a VMID, a storage, a service; empty when nothing in particular. */
  readonly id: string;
  /** The user, or the token as `user!tokenid`. */
  readonly user: string;
}

/** As in Proxmox's `PVE::Tools::upid_decode`. */
const form =
  /^UPID:([A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?):([0-9A-Fa-f]{8}):([0-9A-Fa-f]{8,9}):([0-9A-Fa-f]{8}):([^:\s]+):([^:\s]*):([^:\s]+):$/;

/** Reads a task's handle; `undefined` when the text is none. */
export function parseUpid(text: string): Upid | undefined {
  const [, node, pid, pstart, started, type, id, user] = form.exec(text) ?? [];
  if (node === undefined || pid === undefined || pstart === undefined || started === undefined) return undefined;
  if (type === undefined || id === undefined || user === undefined) return undefined;
  return {
    node,
    pid: Number.parseInt(pid, 16),
    pstart: Number.parseInt(pstart, 16),
    started: new Date(Number.parseInt(started, 16) * 1000),
    type,
    id,
    user,
  };
}
