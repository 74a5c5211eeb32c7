import type { Identity, Permission } from "./access.ts";
import type { HashOrder } from "./perl.ts";
import { integer, type Parameters, text, type Value } from "./schema.ts";
import type { SimulatedCluster } from "./state/state.ts";

export type Method = "GET" | "POST" | "PUT" | "DELETE";

/** A verified request to one endpoint. */
export interface SimulatedCall {
  readonly world: SimulatedCluster;
  /** The node that serves the call: the one in the path, or the entry point. */
  readonly node: string;
  readonly who: Identity;
  readonly params: Readonly<Record<string, Value>>;
  /** The text of a parameter; "" when it was not given. */
  text(name: string): string;
  /** The number of a parameter; `otherwise` (default 0) when it was not given. */
  number(name: string, otherwise?: number): number;
  /** What the answer says besides `data`, such as `total`. */
  readonly extra: Record<string, Value>;
}

export interface Endpoint {
  readonly method: Method;
  readonly path: string;
  readonly does: string;
  readonly takes: Parameters;
  readonly needs: Permission;
  /** The type of `data` in the answer. */
  readonly gives: "array" | "object" | "string" | "null" | "integer" | "any";
  /** False where Proxmox insists on a ticket. */
  readonly tokens: boolean;
  /** How a write fails without quorum: a guest's file, `create pool failed` and the like, or not ready. */
  readonly quorum: "config" | { readonly file: string; readonly failure: string } | undefined;
  /** What changes its order from answer to answer. */
  readonly order: HashOrder;
  readonly run: (call: SimulatedCall) => unknown;
}

interface Spec {
  readonly does: string;
  readonly needs: Permission;
  readonly takes?: Parameters;
  readonly gives?: Endpoint["gives"];
  readonly tokens?: false;
  readonly quorum?: Endpoint["quorum"];
  /** `kept` where Proxmox sorts its rows or reads them from a list; all others come out of a hash. Default `random`. */
  readonly rows?: HashOrder["rows"];
  /** Keys whose words Proxmox keeps in a hash, such as `content` of a storage. */
  readonly sets?: readonly string[];
  /** Keys of lists inside the answer that come out of a hash. */
  readonly lists?: readonly string[];
  readonly run: (call: SimulatedCall) => unknown;
}

const inPath: Parameters = {
  node: text("The node's name.", { format: "pve-node" }),
  vmid: integer("The guest's number, unique in the cluster.", { minimum: 100, maximum: 999999999 }),
  upid: text("The task's id."),
  storage: text("The storage's name.", { format: "pve-storage-id" }),
  volume: text("A volume: `storage:name`, or the name alone."),
  snapname: text("The snapshot's name.", { format: "pve-configid", maxLength: 40 }),
  poolid: text("The pool's name.", { format: "pve-poolid" }),
  userid: text("A user with realm, `name@realm`.", { format: "pve-userid", maxLength: 64 }),
  tokenid: text("The token's name.", { pattern: /^[A-Za-z][A-Za-z0-9.\-_]+$/ }),
  groupid: text("The group's name."),
  roleid: text("The role's name."),
  realm: text("The realm's name."),
  service: text("The service's name."),
  id: text("The job's id."),
  pos: integer("The rule's position.", { minimum: 0 }),
  sid: text("The HA resource, such as `vm:100`."),
};

function define(method: Method, path: string, { rows = "random", sets = [], lists = [], ...spec }: Spec): Endpoint {
  const own = [...path.matchAll(/\{(\w+)\}/g)].map(([, name = ""]) => [name, inPath[name] ?? text(name)] as const);
  const gives = spec.gives ?? (method === "GET" ? "object" : "null");
  const takes = { ...Object.fromEntries(own), ...spec.takes };
  const order = { rows, sets, lists };
  return { tokens: true, quorum: undefined, ...spec, method, path, takes, gives, order };
}

/** One entry of the table: what it says is both routed and documented. */
export const get = (path: string, spec: Spec): Endpoint => define("GET", path, spec);
export const post = (path: string, spec: Spec): Endpoint => define("POST", path, spec);
export const put = (path: string, spec: Spec): Endpoint => define("PUT", path, spec);
export const del = (path: string, spec: Spec): Endpoint => define("DELETE", path, spec);
