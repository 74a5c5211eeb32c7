import { z } from "zod";
import type { Params } from "../../proxmox/params.ts";
import type { ApiPath } from "../../proxmox/path.ts";

/** When a request was sent and when its answer was there, in seconds since 1970 by this machine's clock. */
export interface Span {
  readonly sent: number;
  readonly received: number;
}

/** One thing that can be read of a cluster, and in which form detectors get it. */
export interface Reading<T> {
  /** What is missing without it, for people. */
  readonly label: string;
  readonly path: ApiPath;
  readonly params?: Params;
  /** How many rows of it are looked at; all by default. */
  readonly most?: number;
  /** Throws a ZodError for what is no such answer. */
  parse(data: unknown, span: Span): T;
}

/** The same for each node; `path` is what follows the node. */
export interface NodeReading<T> extends Omit<Reading<T>, "params"> {
  /** `now` is the cluster's clock, in seconds since 1970. */
  readonly params?: (now: number) => Params;
}

/** How far back tasks are looked at, in days. */
export const taskDays = 3;

/** So many tasks of a node are looked at, the newest; a row takes some 250 bytes. */
export const maxTasks = 500;

/** So many backup jobs are looked at, for every guest: clusters have a few. */
const maxJobs = 256;

/** Seconds. */
export const day = 86_400;

// Proxmox sends numbers as strings now and then, and flags as 0 and 1 or as booleans.
const number = z.coerce.number();
const text = z.string();

function rows<Shape extends z.ZodRawShape>(shape: Shape) {
  const schema = z.array(z.object(shape));
  return (data: unknown) => schema.parse(Array.isArray(data) ? data.map(withoutNulls) : data);
}

function object<Shape extends z.ZodRawShape>(shape: Shape) {
  const schema = z.object(shape);
  return (data: unknown) => schema.parse(withoutNulls(data));
}

/** What is null is not there: it is no text, and above all not the number 0. */
function withoutNulls(data: unknown): unknown {
  if (data === null || typeof data !== "object" || Array.isArray(data)) return data;
  return Object.fromEntries(Object.entries(data).filter(([, value]) => value !== null));
}

/** What there is: the one reading without which nothing else can be looked at. An odd value in it is passed over. */
export const resources = {
  label: "everything",
  path: ["cluster", "resources"],
  parse: (data) => z.array(z.looseObject({ id: text })).parse(data),
} satisfies Reading<unknown>;

/** Read once for a cluster. */
export const clusterReadings = {
  permissions: {
    label: "the token's own rights",
    path: ["access", "permissions"],
    parse: (data) => z.record(text, z.record(text, number)).parse(data),
  },
  status: {
    label: "quorum",
    path: ["cluster", "status"],
    parse: rows({ type: text, name: text, quorate: number.optional(), online: number.optional() }),
  },
  availability: {
    label: "HA",
    path: ["cluster", "ha", "status", "current"],
    parse: rows({
      type: text,
      node: text.optional(),
      sid: text.optional(),
      state: text.optional(),
      crm_state: text.optional(),
      timestamp: number.optional(),
      "armed-state": text.optional(),
    }),
  },
  jobs: {
    label: "backup jobs",
    path: ["cluster", "backup"],
    most: maxJobs,
    parse: rows({
      id: text,
      enabled: number.optional(),
      schedule: text.optional(),
      storage: text.optional(),
      all: number.optional(),
      vmid: z.coerce.string().optional(),
      exclude: z.coerce.string().optional(),
      pool: text.optional(),
      node: text.optional(),
    }),
  },
  uncovered: {
    label: "guests without a backup job",
    path: ["cluster", "backup-info", "not-backed-up"],
    parse: rows({ vmid: number, name: text.optional() }),
  },
} satisfies Readonly<Record<string, Reading<unknown>>>;

/** Asked apart from the others: where there is no Ceph, this fails. */
export const ceph = {
  label: "Ceph",
  path: ["cluster", "ceph", "status"],
  parse: object({
    health: z.object({
      status: text,
      checks: z.record(text, z.object({ summary: z.object({ message: text }) })).optional(),
    }),
  }),
} satisfies Reading<unknown>;

/** What a node says that answers; asked first, for a node that is silent would hold up all the others. */
export const version = {
  label: "version",
  path: ["version"],
  parse: object({ version: text }),
} satisfies NodeReading<unknown>;

/** Read of every node that answers. */
export const nodeReadings = {
  tasks: {
    label: "tasks",
    path: ["tasks"],
    params: (now) => ({ since: now - taskDays * day, limit: maxTasks }),
    parse: rows({ upid: text, type: text, id: text, starttime: number, status: text.optional() }),
  },
  replication: {
    label: "replication",
    path: ["replication"],
    parse: rows({
      id: text,
      guest: number.optional(),
      target: text.optional(),
      fail_count: number.optional(),
      disable: number.optional(),
      next_sync: number.optional(),
      last_try: number.optional(),
      pid: number.optional(),
      remove_job: text.optional(),
      last_sync: number.optional(),
      error: text.optional(),
    }),
  },
  disks: {
    label: "disks",
    path: ["disks", "list"],
    parse: rows({
      devpath: text,
      health: text.optional(),
      // "N/A" where the disk does not tell.
      wearout: z.union([z.literal(""), number, text]).optional(),
      model: text.optional(),
    }),
  },
  pools: {
    label: "ZFS",
    path: ["disks", "zfs"],
    parse: rows({ name: text, health: text }),
  },
  load: {
    label: "load of the last hour",
    path: ["rrddata"],
    params: () => ({ timeframe: "hour" }),
    parse: rows({
      time: number,
      cpu: number.optional(),
      maxcpu: number.optional(),
      memused: number.optional(),
      memtotal: number.optional(),
      memavailable: number.optional(),
      arcsize: number.optional(),
    }),
  },
  certificates: {
    label: "certificates",
    path: ["certificates", "info"],
    parse: rows({
      filename: text.optional(),
      fingerprint: text.optional(),
      notbefore: number.optional(),
      notafter: number.optional(),
    }),
  },
  clock: {
    label: "clock",
    path: ["time"],
    // Whole seconds, read somewhere between question and answer.
    parse: (data, { sent, received }) => {
      const { time } = z.object({ time: number }).parse(data);
      return { least: time - received, most: time + 1 - sent };
    },
  },
  updates: {
    label: "updates",
    path: ["apt", "update"],
    parse: rows({ Package: text }),
  },
  subscription: {
    label: "subscription",
    path: ["subscription"],
    parse: object({ status: text, nextduedate: text.optional() }),
  },
} satisfies Readonly<Record<string, NodeReading<unknown>>>;
