import type { Method } from "../proxmox/message.ts";
import type { ProxmoxRequest } from "../proxmox/request.ts";
import type { Checked } from "./check.ts";
import type { Classified } from "./endpoint-classes/classify.ts";
import type { Plan } from "./plan/plan.ts";

/**
 * Endpoints that take the digest of the guest's configuration, in Proxmox VE 8.4 to 9.2. For these the cluster's schema
 * does not matter: it is text of the far end and could leave the parameter out. It may only add other endpoints.
 */
const takesDigest = /^\/nodes\/\{node\}\/(?:qemu|lxc)\/\{vmid\}\/(?:config|resize|move_disk|move_volume)$/;

/**
 * The request with the digest of the configuration that its plan was made from, where Proxmox takes one and the
 * call has none: Proxmox then refuses the request itself if the configuration changed in the meantime. That an endpoint
 * takes a digest does not say that it compares it: a plan has none where Proxmox does not, as when it adds a firewall rule.
 */
export function withDigest(
  request: ProxmoxRequest,
  { digest }: Plan,
  { template = "" }: Classified,
  known: Checked | undefined,
): ProxmoxRequest {
  const { method, params = {} } = request;
  if (digest === undefined || params["digest"] !== undefined || method === "GET") return request;
  const takes = takesDigest.test(template) || schemaHasDigest(method, template, known);
  return takes ? { ...request, params: { ...params, digest } } : request;
}

function schemaHasDigest(method: Method, template: string, known: Checked | undefined): boolean {
  return Object.hasOwn(known?.schema?.endpoint(method, template)?.parameters ?? {}, "digest");
}
