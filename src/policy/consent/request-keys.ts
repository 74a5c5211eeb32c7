import { createHash } from "node:crypto";
import type { Params, ParamValue } from "../../proxmox/params.ts";
import type { ApiPath } from "../../proxmox/path.ts";
import type { ProxmoxRequest } from "../../proxmox/request.ts";
import type { Classified } from "../endpoint-classes/classify.ts";
import type { Asked } from "./question.ts";

/** What a consent belongs to beside the request. */
export interface Origin {
  /** Name and id of the caller. */
  readonly caller: readonly string[];
  /** What tells the cluster from any other that is configured under its name: endpoints, user, token. */
  readonly cluster: readonly unknown[];
  /** The path as the call has it, which may be of the form `/guests/{vmid or name}/...`. */
  readonly written: ApiPath;
}

/**
 * The three identities of a request, from the strictest to the widest. Models write a call that was refused in other
 * words: by the guest's name, with a parameter at its default, as POST instead of PUT.
 */
export function requestKeys(
  { method, path, params = {} }: ProxmoxRequest,
  { template, values }: Classified,
  { caller, cluster, written }: Origin,
): Pick<Asked, "key" | "meaning" | "target"> {
  const exact = Object.entries(params).toSorted(([a], [b]) => (a < b ? -1 : 1));
  const plain = plainParams(params, values);
  const object = [caller, cluster, ...objectOf(method, path, template)];
  // Where the path names no object, as in `PUT /access/acl`, the parameters do.
  const isNamed = Object.keys(values).some((name) => name !== "node");
  return {
    key: hash([caller, cluster, method, written, exact]),
    meaning: hash([object, plain]),
    target: hash(isNamed ? object : [object, plain]),
  };
}

/** Method and path; a guest goes by its VMID, wherever it is, and its configuration is set by PUT and POST alike. */
function objectOf(method: string, path: ApiPath, template: string | undefined): readonly unknown[] {
  const isGuest = template?.startsWith("/nodes/{node}/qemu/{vmid}") || template?.startsWith("/nodes/{node}/lxc/{vmid}");
  if (isGuest !== true) return [method, path];
  const [, , , vmid, ...rest] = path;
  const isConfig = rest.length === 1 && rest[0] === "config" && method !== "GET";
  return [isConfig ? "SET" : method, "guest", Number(vmid), rest];
}

/** Parameters that steer a call or repeat its path, and do not say what it does. */
const steering: ReadonlySet<string> = new Set(["digest", "node", "vmid", "background_delay", "timeout"]);

/** Parameters in one form: defaults of switches are left out, lists are sorted, numbers have one spelling. */
function plainParams(params: Params, values: Classified["values"]): readonly (readonly [string, string])[] {
  return Object.entries(params)
    .filter(([name]) => !steering.has(name) && !Object.hasOwn(values, name))
    .map(([name, value]) => [name, plainValue(value)] as const)
    .filter(([, value]) => value !== "0" && value !== "")
    .toSorted(([a], [b]) => (a < b ? -1 : 1));
}

function plainValue(value: ParamValue): string {
  const words = [value].flat().flatMap((item) =>
    String(item)
      .trim()
      .split(/[,;\s]+/),
  );
  return words
    .map(plainWord)
    .filter((word) => word !== "")
    .toSorted()
    .join(",");
}

function plainWord(word: string): string {
  if (/^(?:0|off|no|false)$/i.test(word)) return "0";
  if (/^(?:1|on|yes|true)$/i.test(word)) return "1";
  return /^\d{1,15}$/.test(word) ? String(Number(word)) : word;
}

/** As JSON the parts cannot run into one another; a hash, so that nothing of a request is kept in memory. */
function hash(parts: readonly unknown[]): string {
  return createHash("sha256").update(JSON.stringify(parts)).digest("base64url");
}
