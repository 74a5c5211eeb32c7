import type { ProxmoxRequest } from "../proxmox/client.ts";
import type { Checked } from "./check.ts";
import type { Classified } from "./classes/classify.ts";
import type { Plan } from "./plan/plan.ts";

/** Endpoints that take the digest of the guest's configuration; of all others the cluster's own schema tells. */
const takesDigest = /^\/nodes\/\{node\}\/(?:qemu|lxc)\/\{vmid\}\/(?:config|resize|move_disk|move_volume)$/;

/**
 * The request with the digest of the configuration that its plan was made from, where Proxmox takes one and nobody gave
 * another: Proxmox then refuses it itself if that changed in the last moment.
 */
export function withDigest(
  request: ProxmoxRequest,
  { digest }: Plan,
  { template = "" }: Classified,
  known: Checked | undefined,
): ProxmoxRequest {
  const { method, params = {} } = request;
  if (digest === undefined || params["digest"] !== undefined || method === "GET") return request;
  const endpoint = known?.schema?.endpoint(method, template);
  const takes = endpoint === undefined ? takesDigest.test(template) : Object.hasOwn(endpoint.parameters, "digest");
  return takes ? { ...request, params: { ...params, digest } } : request;
}
