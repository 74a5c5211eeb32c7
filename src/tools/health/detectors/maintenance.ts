import { defineDetector } from "../snapshot.ts";
import { listed } from "../wording.ts";

/** Packages that wait to be updated. */
export const updates = defineDetector({
  name: "updates",
  reads: ["updates"],
  find({ nodes }) {
    const waiting = nodes.flatMap(({ name, updates: list = [] }) =>
      list.length > 0 ? [`${list.length} on ${name}`] : [],
    );
    if (waiting.length === 0) return [];
    const next = "`apt full-upgrade` node by node, guests moved away first; GET /nodes/{node}/apt/update lists them.";
    return [{ urgency: "later", object: "updates", what: `pending: ${listed(waiting)}`, next }];
  },
});

/** Subscriptions that have ended. A node that never had one says `notfound`, and chose so. */
export const subscriptions = defineDetector({
  name: "subscriptions",
  reads: ["subscription"],
  find({ nodes }) {
    const ended = nodes.flatMap(({ name, subscription }) => {
      const { status = "", nextduedate } = subscription ?? {};
      if (!["expired", "invalid", "suspended"].includes(status)) return [];
      return [`${status} on ${name}${nextduedate === undefined ? "" : ` (due ${nextduedate})`}`];
    });
    if (ended.length === 0) return [];
    const next = "Renew it, or change to the no-subscription repository: the enterprise one gives no updates without.";
    return [{ urgency: "later", object: "subscription", what: listed(ended), next }];
  },
});
