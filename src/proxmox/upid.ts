/** What a task's handle says: `UPID:pve1:000001CB:0006E988:6B02C95B:qmdestroy:103:mcp@pve!tok:`. */
export interface Upid {
  /** Where the task runs, and where its status is read. */
  readonly node: string;
  /** When it began, in seconds since 1970 by that node's clock. */
  readonly starttime: number;
  /** `qmstart`, `vzdump`, ... */
  readonly type: string;
  /** What it works on: a VMID, a storage, a service; empty when nothing in particular. */
  readonly id: string;
  /** The user, or the token as `user!tokenid`. */
  readonly user: string;
}

/**
 * As in Proxmox's `PVE::Tools::upid_decode`: node, then pid, start of the process and start of the task in hex. The words
 * behind them are narrower than there (anything but spaces and colons): handles are shown on terminals and in commands.
 */
const form =
  /^UPID:([A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?):[0-9A-Fa-f]{8}:[0-9A-Fa-f]{8,9}:([0-9A-Fa-f]{8}):([\w.-]+):([\p{L}\p{N}_.@!%+=,~-]*):([\p{L}\p{N}_.@!%+=,~-]+):$/u;

/** Reads a task's handle; `undefined` when the text is none. */
export function parseUpid(text: string): Upid | undefined {
  const [, node, start, type, id, user] = form.exec(text) ?? [];
  if (node === undefined || start === undefined || type === undefined) return undefined;
  if (id === undefined || user === undefined) return undefined;
  return { node, starttime: Number.parseInt(start, 16), type, id, user };
}
