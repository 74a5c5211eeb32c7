import type { Access, PolicyConfig } from "../config/types.ts";
import type { ProxmoxRequest } from "../proxmox/client.ts";
import type { Classified } from "./classes/classify.ts";
import { covers } from "./pattern.ts";

/** What a request is judged by: a cluster's policy under a caller's ceiling, and where both are written. */
export interface Law {
  /** The lower of the cluster's level and the caller's. */
  readonly access: Access;
  readonly policy: PolicyConfig;
  /** `access "read-only"` of the cluster, or the caller's: what made the level what it is, and where it stands. */
  readonly accessSetting: string;
  /** Where the cluster's own keys stand: `/etc/proxmox-mcp/clusters.json, under prod`. */
  readonly place: string;
}

/** Why a request is refused. */
export interface Verdict {
  readonly rule: string;
  /** A sentence or two, with the setting and where it stands. */
  readonly reason: string;
}

/**
 * What the settings say of a request, before anybody is asked: `undefined` lets it go on. The order is the one in which
 * an operator thinks: what is never possible, what the level excludes, what is denied, what an allow list leaves out.
 */
export function judge(law: Law, { method, path }: ProxmoxRequest, classified: Classified): Verdict | undefined {
  const { access, policy, accessSetting, place } = law;
  if (classified.class === "refused") {
    return {
      rule: classified.rule,
      reason: `${classified.reason}. This server never sends it, whatever is configured.`,
    };
  }
  if (access === "read-only" && classified.class !== "read") {
    return { rule: "access", reason: `${accessSetting}, and this is ${describeClass(classified)}.` };
  }
  const denied = policy.deny.find((pattern) => covers(pattern, method, path));
  if (denied !== undefined) {
    return { rule: "deny", reason: `deny holds "${denied}". The setting stands in ${place}.` };
  }
  if (policy.allow !== undefined && !policy.allow.some((pattern) => covers(pattern, method, path))) {
    return { rule: "allow", reason: `allow does not list it. The setting stands in ${place}.` };
  }
  return undefined;
}

/** Whether a level asks a human before a request of this class is sent. */
export function asks(access: Access, classified: Classified): boolean {
  return access === "guarded" && (classified.class === "sensitive" || classified.class === "destructive");
}

/** `destructive (it destroys the guest and its disks)`. */
function describeClass({ class: name, reason }: Classified): string {
  const article = name === "change" || name === "read" ? `a ${name}` : name;
  return reason === "" ? article : `${article} (${reason})`;
}
