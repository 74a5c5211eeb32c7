import type { Finding } from "../finding.ts";
import { defineDetector } from "../snapshot.ts";

/** A node's part of HA writes the time every few seconds; Proxmox itself doubts it after 30. In seconds. */
const maxSilence = 60;

/** States in which HA no longer does for a guest what it should. */
const troubles: ReadonlyMap<string, { readonly what: string; readonly next: string }> = new Map(
  Object.entries({
    error: {
      what: "HA gave up on it (error) and leaves it alone",
      next: "Find out why in its tasks; then set its HA state to disabled, and to started when it is mended.",
    },
    fence: {
      what: "its node is being fenced",
      next: "It is restarted elsewhere once the node is surely off; if that hangs, look at the node's watchdog.",
    },
    recovery: {
      what: "waits for a node that can take it over",
      next: "Look whether another node has room for it and its storage; GET /cluster/ha/status/manager_status.",
    },
  }),
);

/** High availability that cannot help. */
export const availability = defineDetector({
  name: "high availability",
  reads: ["availability"],
  find({ availability: rows = [], hosts, now }) {
    const services = rows.filter(({ type }) => type === "service");
    const failing = services.flatMap(({ sid = "", state = "", crm_state = "", node }): Finding[] => {
      const trouble = troubles.get(crm_state) ?? troubles.get(state);
      return trouble === undefined
        ? []
        : [{ urgency: "now", object: `HA ${sid}${node === undefined ? "" : ` on ${node}`}`, ...trouble }];
    });
    // Without guests to watch it does not matter.
    if (services.length === 0) return failing;
    const online = new Set(hosts.filter(({ status }) => status === "online").map(({ name }) => name));
    // Without a time there is nothing to read of it (PVE::API2::HA::Status: "unable to read lrm status").
    const silent = rows.flatMap(({ type, node = "", timestamp: since }): Finding[] => {
      if (type !== "lrm" || !online.has(node) || now - (since ?? 0) <= maxSilence) return [];
      const next = `\`systemctl status pve-ha-lrm\` on ${node}.`;
      return [{ urgency: "soon", object: `HA on ${node}`, what: "not running", since, next }];
    });
    const leaderless = rows.flatMap(({ type, node = "", timestamp = now }): Finding[] => {
      if (type !== "master" || now - timestamp <= maxSilence) return [];
      const what = `its manager, last on ${node}, is silent: no guest is restarted elsewhere`;
      const next = "`systemctl status pve-ha-crm` on the nodes.";
      return [{ urgency: "now", object: "HA", what, since: timestamp, next }];
    });
    // What was put under HA waits for a manager, and there was none yet.
    const isUnmanaged = services.some(({ state }) => state === "queued") && !rows.some(({ type }) => type === "master");
    const unmanaged: Finding = {
      urgency: "soon",
      object: "HA",
      what: "guests wait for it (queued), and no node is its manager",
      next: "`systemctl status pve-ha-crm` on the nodes.",
    };
    const disarmed: Finding = {
      urgency: "soon",
      object: "HA",
      what: "disarmed: no guest is restarted elsewhere",
      next: "Arm it again when the maintenance is over.",
    };
    return [
      ...failing,
      ...leaderless,
      ...(isUnmanaged ? [unmanaged] : []),
      ...silent,
      ...(rows.some((row) => row["armed-state"] === "disarmed") ? [disarmed] : []),
    ];
  },
});
