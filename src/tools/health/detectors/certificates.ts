import type { Finding } from "../finding.ts";
import { day } from "../queries.ts";
import { defineDetector } from "../snapshot.ts";
import { duration, listed } from "../wording.ts";

/** Proxmox renews its own certificate two weeks before the end, ACME 30 days: so late, neither worked. In days. */
const soonDays = 14;
const laterDays = 25;

/** Proxmox renews its own at the end only, with a job that runs daily. In days. */
const ownDays = 12;

/** Of certificates that live for weeks only, this part of their life: ACME renews them when a third of it is left. */
const soonPart = 0.15;
const laterPart = 0.25;

/** Certificates that have ended, or will soon. */
export const certificates = defineDetector({
  name: "certificates",
  reads: ["certificates"],
  find({ nodes, now }) {
    const all = nodes.flatMap(({ name, certificates: list = [] }) => list.map((each) => ({ ...each, node: name })));
    // The cluster's own authority is the same on every node.
    const same = Map.groupBy(all, ({ filename, fingerprint }) => `${filename} ${fingerprint}`);
    return [...same.values()].flatMap((of): Finding[] => {
      const [first] = of;
      if (first?.notafter === undefined) return [];
      const left = first.notafter - now;
      const life = first.notafter - (first.notbefore ?? Number.NEGATIVE_INFINITY);
      const isOwn = first.filename === "pve-ssl.pem";
      if (left > Math.min((isOwn ? ownDays : laterDays) * day, laterPart * life)) return [];
      const object = `certificate ${first.filename ?? ""} of ${listed(of.map(({ node }) => node))}`;
      const next = nextFor(first.filename);
      if (left <= 0) return [{ urgency: "now", object, what: "has ended", since: first.notafter, next }];
      const urgency = left <= Math.min(soonDays * day, soonPart * life) ? "soon" : "later";
      return [{ urgency, object, what: `ends in ${duration(left)} and was not renewed`, next }];
    });
  },
});

function nextFor(filename: string | undefined): string {
  if (filename === "pve-root-ca.pem") return "Renew the cluster's authority on a node: `pvecm updatecerts --force`.";
  if (filename === "pve-ssl.pem") return "`pvecm updatecerts --force` on the node, then restart pveproxy.";
  return "Renew it: ACME with `pvenode acme cert renew`, or upload a new one.";
}
