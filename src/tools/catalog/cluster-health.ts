import { type Collection, look } from "../health/collect.ts";
import { detectors } from "../health/detectors/index.ts";
import { findDoubles } from "../health/duplicate-guests.ts";
import type { Finding } from "../health/finding.ts";
import { type Placed, report } from "../health/report.ts";
import { gapLine } from "../health/skipped-checks.ts";
import type { Detector, HealthSnapshot } from "../health/snapshot.ts";
import { counted, listed, quoted } from "../health/wording.ts";
import { defineTool, readOnly } from "../tool.ts";

const wanted = new Set(detectors.flatMap(({ reads }) => reads));

/** `cluster_health`: everything on one cluster or all that needs a human, the most urgent first. */
export const clusterHealth = defineTool({
  name: "cluster_health",
  title: "Check clusters' health",
  description:
    "Everything that needs a human on one cluster or all, most urgent first, each with the next step: quorum, nodes offline, storage full, failed or missing backups and tasks, HA, replication, Ceph, disks, certificates, clocks, load, updates. Says what it could not look at.",
  cluster: "any",
  input: {},
  annotations: readOnly,
  async run({ cluster }, context) {
    const names = cluster === undefined || cluster === "*" ? context.proxmox.names : [cluster];
    const looks = await Promise.all(names.map((name) => look(context, name, wanted)));
    const doubles = await findDoubles(looks);
    const detected = looks.map(detect);
    const found = [
      ...looks.flatMap(({ cluster: name, findings }) => findings.map((each) => ({ ...each, cluster: name }))),
      // What is as urgent stands in the order of the detectors, whichever cluster it is of.
      ...detectors.flatMap((detector) => detected.flatMap((byDetector) => byDetector.get(detector) ?? [])),
      ...doubles.findings,
    ];
    const gaps = [
      ...looks.flatMap((each) => gapLine(each.cluster, each.asker.gaps) ?? []),
      ...(doubles.gap === undefined ? [] : [`Not looked at: ${doubles.gap}.`]),
    ];
    return report(found, seen(looks, doubles.compared), gaps);
  },
});

/** What each detector finds on one cluster. One that stumbles over an answer leaves a gap, and the others as they are. */
function detect({ view, asker }: Collection): ReadonlyMap<Detector, readonly Placed[]> {
  if (view === undefined) return new Map();
  return new Map(
    detectors.map((detector) => {
      try {
        return [detector, detector.find(view).map((finding) => placed(finding, view))];
      } catch (error) {
        const reason = `proxmox-mcp failed over what it read: ${quoted(String(error))}`;
        asker.gaps.push({ what: detector.name, reason });
        return [detector, []];
      }
    }),
  );
}

function placed(finding: Finding, { cluster, now }: HealthSnapshot): Placed {
  return { ...finding, cluster, age: finding.since === undefined ? undefined : now - finding.since };
}

/** `alpha, beta (4 nodes, 16 guests)` */
function seen(looks: readonly Collection[], compared: number | undefined): string {
  const views = looks.flatMap(({ view }) => view ?? []);
  const sum = (count: (view: HealthSnapshot) => number) => views.reduce((all, view) => all + count(view), 0);
  const nodes = counted(
    sum(({ hosts }) => hosts.length),
    "node",
  );
  const guests = counted(
    sum((view) => view.guests.length),
    "guest",
  );
  const clusters = looks.map(({ cluster }) => cluster);
  if (views.length === 0) return listed(clusters);
  const addresses = compared === undefined ? "" : `, MAC addresses of ${compared} compared`;
  return `${listed(clusters)} (${nodes}, ${guests}${addresses})`;
}
