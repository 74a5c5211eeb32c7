import type { Access, PolicyConfig } from "../config/types.ts";
import type { ProxmoxRequest } from "../proxmox/request.ts";
import type { Classified } from "./endpoint-classes/classify.ts";
import { covers } from "./pattern.ts";

/** The effective policy for a request: the cluster's, limited by the caller's access, and where both are set. */
export interface EffectivePolicy {
  /** The lower of the cluster's level and the caller's. */
  readonly access: Access;
  readonly policy: PolicyConfig;
  /** The setting that decided the level, of the cluster or the caller, and where it is set. */
  readonly accessSetting: string;
  /** Where the cluster's settings are: `/etc/proxmox-mcp/clusters.json, under prod`. */
  readonly place: string;
}

/** Why a request is refused. */
export interface Denial {
  readonly rule: string;
  /** A sentence or two that name the setting and its file. */
  readonly reason: string;
}

/**
 * Checks a request against the settings, before consent; `undefined` when they allow it. In the order in which an
 * operator thinks: what is never possible, what the level excludes, what is denied, what an allow list leaves out.
 */
export function judge(
  law: EffectivePolicy,
  { method, path }: ProxmoxRequest,
  classified: Classified,
): Denial | undefined {
  const { access, policy, accessSetting, place } = law;
  if (classified.class === "refused") {
    return {
      rule: classified.rule,
      reason: `${classified.reason}. This server never sends it; no setting allows it.`,
    };
  }
  if (access === "read-only" && classified.class !== "read") {
    return { rule: "access", reason: `${accessSetting}, and this is ${describeClass(classified)}.` };
  }
  const denied = policy.deny.find((pattern) => covers(pattern, method, path));
  if (denied !== undefined) {
    return { rule: "deny", reason: `deny contains "${denied}". Set in ${place}.` };
  }
  if (policy.allow !== undefined && !policy.allow.some((pattern) => covers(pattern, method, path))) {
    return { rule: "allow", reason: `allow does not list it. Set in ${place}.` };
  }
  return undefined;
}

/** Whether a request of this class needs a human's consent at this level. */
export function asks(access: Access, classified: Classified): boolean {
  return access === "guarded" && (classified.class === "sensitive" || classified.class === "destructive");
}

/** `destructive (it deletes the guest and its disks)`. */
function describeClass({ class: name, reason }: Classified): string {
  const article = name === "change" || name === "read" ? `a ${name}` : name;
  return reason === "" ? article : `${article} (${reason})`;
}
