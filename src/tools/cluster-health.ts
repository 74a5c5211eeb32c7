import { detectors } from "./health/detectors/index.ts";
import { findDoubles } from "./health/doubles.ts";
import { gapLine } from "./health/gaps.ts";
import { type Look, look } from "./health/look.ts";
import { type Placed, report } from "./health/report.ts";
import type { Detector, View } from "./health/view.ts";
import { counted, listed } from "./health/wording.ts";
import { defineTool, readOnly } from "./tool.ts";

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
    const found = [
      ...looks.flatMap(({ cluster: name, findings }) => findings.map((each) => ({ ...each, cluster: name }))),
      ...detectors.flatMap((detector) =>
        looks.flatMap(({ view }) => (view === undefined ? [] : placed(detector, view))),
      ),
      ...doubles.findings,
    ];
    const gaps = [
      ...looks.flatMap((each) => gapLine(each.cluster, each.asker.gaps) ?? []),
      ...(doubles.gap === undefined ? [] : [`Not looked at: ${doubles.gap}.`]),
    ];
    return report(found, seen(looks), gaps);
  },
});

function placed(detector: Detector, view: View): Placed[] {
  return detector.find(view).map((finding) => {
    const age = finding.since === undefined ? undefined : view.now - finding.since;
    return { ...finding, cluster: view.cluster, age };
  });
}

/** `alpha, beta: 4 nodes, 16 guests` */
function seen(looks: readonly Look[]): string {
  const views = looks.flatMap(({ view }) => view ?? []);
  const sum = (count: (view: View) => number) => views.reduce((all, view) => all + count(view), 0);
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
  return `${listed(clusters)} (${nodes}, ${guests})`;
}
