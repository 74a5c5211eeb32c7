import type { Finding } from "../finding.ts";
import { defineDetector, type GuestSummary } from "../snapshot.ts";
import { listed } from "../wording.ts";

/** Too few nodes see each other. */
export const quorum = defineDetector({
  name: "quorum",
  reads: ["status"],
  find({ status }) {
    if (status?.find(({ type }) => type === "cluster")?.quorate !== 0) return [];
    const nodes = status.filter(({ type }) => type === "node");
    const lost = nodes
      .filter(({ online }) => online === 0)
      .map(({ name }) => name)
      .sort();
    const missing = lost.length === 0 ? "" : `, not ${listed(lost)}`;
    const what = `no quorum: ${nodes.length - lost.length} of ${nodes.length} nodes in sight${missing}; reads go on, nothing can be changed or started`;
    // With every node in sight it is the votes that do not add up.
    const next =
      lost.length === 0
        ? "`pvecm status` on a node shows votes and expected votes: look whether a QDevice is gone, or votes were changed."
        : "Bring those nodes or the cluster network back; `pvecm status` on a node shows which nodes see each other.";
    return [{ urgency: "now", object: "cluster", what, next }];
  },
});

/** Nodes that are off, silent, or send no figures. */
export const nodes = defineDetector({
  name: "nodes",
  reads: ["availability"],
  find({ hosts, guests, availability = [] }) {
    const byNode = Map.groupBy(guests, ({ node }) => node);
    const lastHeard = new Map(
      availability.flatMap(({ type, node, timestamp }) => (type === "lrm" ? [[node, timestamp]] : [])),
    );
    return hosts.flatMap(({ name, status, silent }): Finding[] => {
      const object = `node ${name}`;
      const own = byNode.get(name) ?? [];
      if (status === "offline") {
        const what = `offline${guestsOn(own)}`;
        // What HA last heard of it; without HA nothing tells when it went.
        const since = lastHeard.get(name);
        return [{ urgency: "now", object, what, since, next: "Look at its power, console and network." }];
      }
      if (silent !== undefined) {
        const what = `counts as ${status} but does not answer (${silent})${guestsOn(own)}; nothing was read of it`;
        const next = "Look at its console and load, then at `systemctl status pveproxy pvedaemon` there.";
        return [{ urgency: "now", object, what, next }];
      }
      if (status === "online") return [];
      const next = `\`systemctl status pvestatd\` on ${name}; a storage that hangs often holds it up.`;
      return [{ urgency: "soon", object, what: "answers, but sends no figures", next }];
    });
  },
});

function guestsOn(guests: readonly GuestSummary[]): string {
  if (guests.length === 0) return "";
  return `; guests on it: ${listed(guests.map(({ vmid }) => String(vmid)))}`;
}
