import type { Classified } from "../classes/classify.ts";
import { holdsSecret, showValue } from "../mask.ts";
import { wordsOf } from "../classes/values.ts";
import { type Context, final, undoable } from "./describer.ts";
import { endpointOf } from "./plan.ts";

const created = "can be undone by deleting it";
const down = "the service is down meanwhile";
const harmless = "nothing is lost";
const replaced = "the present certificate is not restored";

/** What becomes of calls that lose nothing and yet no call takes back, or that a certain one does. */
const byEndpoint: ReadonlyMap<string, string> = new Map([
  ["PUT /nodes/{node}/qemu/{vmid}/sendkey", "what the keys do cannot be undone"],
  ["POST /nodes/{node}/qemu/{vmid}/monitor", "what the command does cannot be undone"],
  ["POST /nodes/{node}/qemu/{vmid}/agent", "what the command does may not be undone"],
  ["POST /nodes/{node}/qemu/{vmid}/agent/fstrim", harmless],
  ["POST /nodes/{node}/qemu/{vmid}/agent/fsfreeze-freeze", "can be undone by thawing them"],
  ["POST /nodes/{node}/qemu/{vmid}/agent/fsfreeze-thaw", "can be undone by freezing them"],
  ["POST /nodes/{node}/qemu/{vmid}/agent/shutdown", "can be undone by starting it"],
  ["POST /nodes/{node}/qemu/{vmid}/agent/suspend-disk", "can be undone by starting it"],
  ["POST /nodes/{node}/qemu/{vmid}/agent/suspend-hybrid", "can be undone by waking it"],
  ["POST /nodes/{node}/qemu/{vmid}/agent/suspend-ram", "can be undone by waking it"],
  ["PUT /nodes/{node}/qemu/{vmid}/cloudinit", "the present cloud-init drive is overwritten"],
  ["POST /nodes/{node}/qemu/{vmid}/snapshot", created],
  ["POST /nodes/{node}/lxc/{vmid}/snapshot", created],
  ["DELETE /nodes/{node}/tasks/{upid}", "the task cannot be resumed"],
  ["POST /nodes/{node}/aplinfo", harmless],
  ["POST /nodes/{node}/apt/update", harmless],
  ["POST /nodes/{node}/certificates/acme/certificate", replaced],
  ["PUT /nodes/{node}/certificates/acme/certificate", replaced],
  ["POST /nodes/{node}/replication/{id}/schedule_now", harmless],
  ["POST /nodes/{node}/subscription", harmless],
  ["POST /nodes/{node}/wakeonlan", "can be undone by shutting it down"],
  ["POST /nodes/{node}/ceph/restart", down],
  ["POST /nodes/{node}/ceph/osd/{osdid}/scrub", harmless],
  ["POST /nodes/{node}/ceph/init", "an existing Ceph configuration is overwritten"],
  ["PUT /cluster/sdn", "can be undone by applying another configuration"],
]);

/** The end of line 1 of a call whose describer says nothing else. */
export function usualUndo(method: string, classified: Classified): string {
  if (method === "GET") return "read only";
  if (classified.irreversible) return final;
  const own = byEndpoint.get(endpointOf(method, classified));
  if (own !== undefined) return own;
  return classified.class === "sensitive" ? "exposes data or connects elsewhere" : undoable;
}

/** The end of line 1 of a `PUT` of an object: no GET returns a secret that it replaces or removes. */
export function undoOfChange({ method, params, planned: { classified } }: Context): string | undefined {
  if (classified.irreversible) return final;
  const endpoint = endpointOf(method, classified);
  const replaces = Object.entries(params).some(
    ([name, value]) => JSON.stringify(showValue(endpoint, name, value)) !== JSON.stringify(value),
  );
  return replaces || wordsOf(params, "delete").some(holdsSecret) ? "a replaced secret cannot be restored" : undefined;
}
