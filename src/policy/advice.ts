import type { ApiSchema } from "../apidoc/schema.ts";
import { signature } from "../apidoc/signature.ts";
import type { ProxmoxRequest } from "../proxmox/client.ts";
import type { ProxmoxError } from "../proxmox/errors.ts";
import { formatPath } from "../proxmox/path.ts";

/** Where a guest is, as the cluster lists it. */
export interface Place {
  readonly vmid: string;
  readonly node: string;
  readonly type: "qemu" | "lxc";
}

/** What is known of a cluster beside an error. */
export interface Knowledge {
  readonly schema: ApiSchema | undefined;
  /** The guests that the asker may see; fails or is empty where that is none. */
  guests(): Promise<readonly Place[]>;
}

/**
 * What to do about an error of Proxmox, where the cluster tells more than the error: the endpoint's signature when a
 * parameter was at fault, and where a guest is that the path names elsewhere. Any other error comes back as it is.
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

/** Where the guest of the path is; `undefined` when that is no other place, or nobody knows. */
async function whereabouts(
  { method, path }: ProxmoxRequest,
  { schema, guests }: Knowledge,
): Promise<string | undefined> {
  const [first, node, type, vmid, ...rest] = path;
  if (first !== "nodes" || vmid === undefined || (type !== "qemu" && type !== "lxc")) return undefined;
  // A hint that cannot be had must not hide the error that it belongs to.
  const guest = (await guests().catch(() => [])).find((one) => one.vmid === vmid);
  if (guest === undefined || (guest.node === node && guest.type === type)) return undefined;
  const there = ["nodes", guest.node, guest.type, vmid, ...rest];
  const is = `Guest ${vmid} is on ${guest.node}, ${kinds[guest.type]}`;
  return schema === undefined || schema.find(there)?.methods.includes(method) === true
    ? `${is}: ${method} ${formatPath(there)}`
    : `${is}, which has no ${method} of this kind: describe_api tells what /nodes/{node}/${guest.type}/{vmid} has.`;
}
