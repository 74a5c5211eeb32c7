import { Secret } from "../../src/config/secret.ts";
import type { ClusterConfig, TlsMode } from "../../src/config/types.ts";
import type { ProxmoxClient } from "../../src/proxmox/client.ts";
import { ProxmoxError } from "../../src/proxmox/errors/proxmox-error.ts";
import type { ProxmoxRequest } from "../../src/proxmox/request.ts";

/** A word that must never be seen outside the Authorization header. */
export const canary = "c4na7y00-dead-4000-8000-000000000000";

/** A cluster `prod` at these endpoints, with the token `mcp@pve!agent`. */
export function clusterAt(
  endpoints: readonly string[],
  tls: TlsMode = { mode: "off" },
  timeoutMs = 5_000,
): ClusterConfig {
  return {
    name: "prod",
    endpoints,
    user: "mcp@pve",
    tokenId: "agent",
    tokenSecret: new Secret(canary),
    tls,
    timeoutMs,
    policy: { access: "full", consentFallback: "code", allow: undefined, deny: [], protect: [] },
  };
}

/** The error that a request must come to. */
export async function failureOf(client: ProxmoxClient, request: ProxmoxRequest): Promise<ProxmoxError> {
  try {
    await client.request(request);
  } catch (error) {
    if (error instanceof ProxmoxError) return error;
    throw error;
  }
  throw new Error("the request was answered");
}
