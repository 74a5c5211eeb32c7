import { signature } from "../apidoc/describe/signature.ts";
import type { ApiSchema } from "../apidoc/schema.ts";
import type { ProxmoxError } from "../proxmox/errors/proxmox-error.ts";
import { formatPath } from "../proxmox/path.ts";
import type { ProxmoxRequest } from "../proxmox/request.ts";

/** Where a guest is, according to the cluster's list. */
export interface Place {
  readonly vmid: string;
  readonly node: string;
  readonly type: "qemu" | "lxc";
}

/** What is known about the cluster in addition to an error. */
export interface Knowledge {
  readonly schema: ApiSchema | undefined;
  /** The guests that the caller may see; empty or an error when there are none. */
  guests(): Promise<readonly Place[]>;
}

/**
 * Adds a hint to an error of Proxmox: the endpoint's signature after a parameter error, or the guest's path when the
 * request named the wrong node or type. Returns any other error unchanged.
 */
export async function advise(error: ProxmoxError, request: ProxmoxRequest, known: Knowledge): Promise<ProxmoxError> {
  const { kind, details, hint } = error;
  if (kind === "parameters") {
    const template = known.schema?.find(request.path)?.template;
    const endpoint = template === undefined ? undefined : known.schema?.endpoint(request.method, template);
    return endpoint === undefined ? error : error.withHint([hint, signature(endpoint)].filter(Boolean).join("\n"));
  }
  const wrongPlace = kind === "not-found" && ["guest", "node"].includes(details.subject?.type ?? "");
  const place = wrongPlace ? await whereabouts(request, known) : undefined;
  return place === undefined ? error : error.withHint(place);
}

const kinds = { qemu: "a virtual machine", lxc: "a container" } as const;

/** The guest's real path; `undefined` when the request's is right, or the guest is not listed. */
async function whereabouts(
  { method, path }: ProxmoxRequest,
  { schema, guests }: Knowledge,
): Promise<string | undefined> {
  const [first, node, type, vmid, ...rest] = path;
  if (first !== "nodes" || vmid === undefined || (type !== "qemu" && type !== "lxc")) return undefined;
  // A failing lookup must not hide the error that it is for.
  const guest = (await guests().catch(() => [])).find((one) => one.vmid === vmid);
  if (guest === undefined || (guest.node === node && guest.type === type)) return undefined;
  const there = ["nodes", guest.node, guest.type, vmid, ...rest];
  const is = `Guest ${vmid} is on ${guest.node}, ${kinds[guest.type]}`;
  return schema === undefined || schema.find(there)?.methods.includes(method) === true
    ? `${is}: ${method} ${formatPath(there)}`
    : `${is}, which does not support this ${method}; see describe_api for /nodes/{node}/${guest.type}/{vmid}.`;
}
