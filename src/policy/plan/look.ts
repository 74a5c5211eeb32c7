import PQueue from "p-queue";
import { isUnread, ProxmoxError } from "../../proxmox/errors/proxmox-error.ts";
import { formatPath } from "../../proxmox/path.ts";
import type { ProxmoxRequest } from "../../proxmox/request.ts";
import { classify } from "../endpoint-classes/classify.ts";
import type { FactList, Row } from "./facts.ts";
import type { Planned } from "./plan.ts";

/** What a read gave: data, or why there is none. */
export type Seen = Found | Missing;

/** What Proxmox answered. */
export interface Found {
  readonly data: unknown;
  /** `changes` beside the data: pending network changes as a diff. */
  readonly changes?: unknown;
}

/** Why a read gave nothing. */
export interface Missing {
  readonly missing: string;
  /** Whether Proxmox says that the object does not exist; it checks the right to read it before. */
  readonly absent: boolean;
  /** Whether it was read, and the settings withhold it from this caller. */
  readonly withheld: boolean;
  /** Whether there is nothing that a plan could read: no such GET, or one that exposes secrets. */
  readonly unlooked: boolean;
}

/** Reads a path for a plan. */
export type PlanReader = (path: readonly string[], params?: ProxmoxRequest["params"]) => Promise<Seen>;

/** How long one read for a plan may take, in milliseconds: a human waits. */
const lookMs = 10_000;

/** Reads of a plan that may be under way at a time. */
const maxParallel = 8;

/** The reads of one plan: at most eight at a time, each path once; what the settings withhold goes only into the facts. */
export function lookAt({ cluster, request, mayRead }: Planned, facts: FactList): PlanReader {
  const queue = new PQueue({ concurrency: maxParallel });
  const known = new Map<string, Promise<Seen>>();
  const read = async (path: readonly string[], params: ProxmoxRequest["params"] = {}): Promise<Seen> => {
    // A plan is made before consent: what exposes secrets or connects elsewhere is not read for it.
    if (classify({ method: "GET", path }).class !== "read") {
      return { missing: "reading it is a sensitive call", absent: false, withheld: false, unlooked: true };
    }
    try {
      const { signal } = request;
      const within = { timeoutMs: lookMs, fresh: true, ...(signal !== undefined && { signal }) };
      const { data, extra } = await queue.add(
        async () => await cluster.client.request({ method: "GET", path, params, ...within }),
      );
      if (mayRead(path)) return { data, changes: extra["changes"] };
      facts.addWithheld(formatPath(path), data);
      return {
        missing: "this caller may not read it through this server",
        absent: false,
        withheld: true,
        unlooked: false,
      };
    } catch (error) {
      if (!(error instanceof ProxmoxError) || isUnread(error)) throw error;
      const unlooked = error.kind === "unknown-endpoint" || error.kind === "ticket-only";
      return { missing: error.what, absent: isAbsent(error), withheld: false, unlooked };
    }
  };
  return (path, params) => {
    const key = JSON.stringify([path, params]);
    const seen = known.get(key) ?? read(path, params);
    known.set(key, seen);
    return seen;
  };
}

/**
 * PVE answers "no such user", "storage 'x' does not exist" with 500, and for backup jobs and network interfaces with a
 * 400 that names the path's parameter (PVE::API2::Backup, PVE::API2::Network: raise_param_exc).
 */
function isAbsent({ kind, details }: ProxmoxError): boolean {
  const named = Object.keys(details.parameters ?? {});
  return kind === "not-found" || (kind === "parameters" && named.some((name) => name === "id" || name === "iface"));
}

/** The object that a read gave; `undefined` where it gave none. */
export function objectIn(seen: Seen): Row | undefined {
  return "data" in seen && isRow(seen.data) ? bare(seen.data) : undefined;
}

/** Without a prototype: keys that requests name, such as `constructor`, are looked up in it. */
function bare(row: Row): Row {
  return Object.assign(Object.create(null) as Row, row);
}

/** The rows that a read gave; `undefined` where it gave none, which is not the same as no rows. */
export function rowsIn(seen: Seen): readonly Row[] | undefined {
  return "data" in seen && Array.isArray(seen.data) ? seen.data.filter(isRow).map(bare) : undefined;
}

/** Whether a value is an object that is no list. */
export function isRow(value: unknown): value is Row {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A text that is not empty. */
export function textIn(value: unknown): string | undefined {
  if (typeof value === "number") return String(value);
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** Whether Proxmox says yes: 1, "1" or true. */
export function yes(value: unknown): boolean {
  return value === 1 || value === "1" || value === true;
}
