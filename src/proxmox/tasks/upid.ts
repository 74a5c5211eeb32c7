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

/** The process that runs a task. */
export interface TaskWorker {
  readonly pid: number;
  /** When the process started, in seconds since the node's boot: unlike `starttime`, no change of the clock moves it. */
  readonly sinceBoot: number;
}

/** Reads the process out of a UPID (`pstart` counts hundredths of a second); `undefined` when the text is none. */
export function workerOf(text: string): TaskWorker | undefined {
  if (!form.test(text)) return undefined;
  const [, , pid = "", pstart = ""] = text.split(":", 4);
  return { pid: Number.parseInt(pid, 16), sinceBoot: Number.parseInt(pstart, 16) / 100 };
}
