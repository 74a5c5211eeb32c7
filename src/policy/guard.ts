import type { Call } from "./call.ts";
import { rightsOf } from "./callers/caller.ts";
import { GuardedCall } from "./guarded-call.ts";
import type { GuardOptions, Proxmox } from "./guarded-request.ts";
import { PolicyRefusal } from "./refusal.ts";

/** The clusters as one call sees them, until it ends: disposed of, it has dropped all its answers. */
export type Guard = (call: Call) => Proxmox & Disposable;

/** Wraps the clusters' clients in the policy; the layers above reach Proxmox only through it. */
export function guard(options: GuardOptions): Guard {
  return (call) => {
    const rights = rightsOf(call.caller, options.config);
    if (rights === undefined) {
      throw new PolicyRefusal(
        "callers",
        "The bearer token of this session is no longer valid. Reconnect with a valid one.",
      );
    }
    return new GuardedCall(options, call, rights);
  };
}
