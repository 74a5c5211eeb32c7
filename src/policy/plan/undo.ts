import { type Classified, unknownRule } from "../endpoint-classes/classify.ts";
import { isIrreversible } from "../endpoint-classes/secrets.ts";
import { wordsOf } from "../endpoint-classes/values.ts";
import { holdsSecret, showValue } from "../redaction/redact-parameters.ts";
import type { Context, UndoNotes } from "./describer.ts";
import { endpointOf } from "./plan.ts";

/** Says of a call that a later one can undo it. */
const undoable = "can be undone";

/** Says of a call that none can. */
const final = "cannot be undone";

const created: UndoNotes = { how: "by deleting it" };
const down: UndoNotes = { caveat: "the service is down meanwhile" };
const harmless: UndoNotes = { caveat: "nothing is lost" };
const replaced: UndoNotes = { caveat: "the present certificate is not restored" };

/** Notes on calls that lose nothing and yet no call takes back, or that a certain one does, where no describer has any. */
const byEndpoint: ReadonlyMap<string, UndoNotes> = new Map<string, UndoNotes>([
  ["PUT /nodes/{node}/qemu/{vmid}/sendkey", { caveat: "what the keys do cannot be undone" }],
  ["POST /nodes/{node}/qemu/{vmid}/agent", { caveat: "what the command does may not be undone" }],
  ["POST /nodes/{node}/qemu/{vmid}/agent/fstrim", harmless],
  ["POST /nodes/{node}/qemu/{vmid}/agent/fsfreeze-freeze", { how: "by thawing them" }],
  ["POST /nodes/{node}/qemu/{vmid}/agent/fsfreeze-thaw", { how: "by freezing them" }],
  ["POST /nodes/{node}/qemu/{vmid}/agent/shutdown", { how: "by starting it" }],
  ["POST /nodes/{node}/qemu/{vmid}/agent/suspend-disk", { how: "by starting it" }],
  ["POST /nodes/{node}/qemu/{vmid}/agent/suspend-hybrid", { how: "by waking it" }],
  ["POST /nodes/{node}/qemu/{vmid}/agent/suspend-ram", { how: "by waking it" }],
  ["PUT /nodes/{node}/qemu/{vmid}/cloudinit", { caveat: "the present cloud-init drive is overwritten" }],
  ["POST /nodes/{node}/qemu/{vmid}/snapshot", created],
  ["POST /nodes/{node}/lxc/{vmid}/snapshot", created],
  ["DELETE /nodes/{node}/tasks/{upid}", { caveat: "the task cannot be resumed" }],
  ["POST /nodes/{node}/aplinfo", harmless],
  ["POST /nodes/{node}/apt/update", harmless],
  ["POST /nodes/{node}/certificates/acme/certificate", replaced],
  ["PUT /nodes/{node}/certificates/acme/certificate", replaced],
  ["POST /nodes/{node}/replication/{id}/schedule_now", harmless],
  ["POST /nodes/{node}/subscription", harmless],
  ["POST /nodes/{node}/wakeonlan", { how: "by shutting it down" }],
  ["POST /nodes/{node}/ceph/restart", down],
  ["POST /nodes/{node}/ceph/osd/{osdid}/scrub", harmless],
  ["POST /nodes/{node}/ceph/init", { caveat: "an existing Ceph configuration is overwritten" }],
  ["PUT /cluster/sdn", { how: "by applying another configuration" }],
]);

/**
 * The end of line 1, from the class table, the parameters' rules and the definition that is deleted: whatever a
 * describer notes, an irreversible call "cannot be undone".
 */
export function undoText(method: string, classified: Classified, notes: UndoNotes = {}): string {
  if (isIrreversible(classified, notes.definition)) return final;
  if (classified.class === "sensitive") return exposureText(classified);
  if (method === "GET") return "read only";
  const { how, caveat } =
    notes.how === undefined && notes.caveat === undefined
      ? (byEndpoint.get(endpointOf(method, classified)) ?? notes)
      : notes;
  return caveat ?? (how === undefined ? undoable : `${undoable} ${how}`);
}

/** What a sensitive call does beyond the cluster: its answer goes to the model, or a node connects somewhere. */
function exposureText({ rule, reason, template = "" }: Classified): string {
  if (/(?:proxy|shell|vncwebsocket)$/.test(template)) return "opens a console";
  if (/\b(?:makes the nodes?|connects?|contact|sends?)\b/.test(reason)) return "connects elsewhere";
  const isData = /\b(?:exposes?|shows?|reads|returns|lists|scans)\b/.test(reason);
  return isData && rule !== unknownRule ? "exposes data" : "exposes data or connects elsewhere";
}

/** What to note on a `PUT` of an object: no GET returns a secret that it replaces or removes. */
export function undoOfChange({ method, params, planned: { classified } }: Context): UndoNotes {
  const endpoint = endpointOf(method, classified);
  const replaces = Object.entries(params).some(
    ([name, value]) => JSON.stringify(showValue(endpoint, name, value)) !== JSON.stringify(value),
  );
  return replaces || wordsOf(params, "delete").some(holdsSecret)
    ? { caveat: "a replaced secret cannot be restored" }
    : {};
}
