import type { Context } from "./describer.ts";
import type { Row } from "./facts.ts";
import { objectIn, rowsIn, type Seen, textIn, yes } from "./look.ts";

/** How a cluster's votes change when a node is taken away. */
export interface Quorum {
  /** `2 of 3 votes now, 1 of 3 after: the cluster loses quorum`; `undefined` on a cluster of one node, which has none. */
  readonly line: string | undefined;
}

/**
 * The votes of the cluster without a node. One that is removed takes its vote out of the expected votes, too
 * (`pvecm delnode`); one that is switched off does not. Corosync needs more than half of the expected votes, of which
 * a QDevice may have some.
 */
export async function quorumWithout({ look, facts }: Context, node: string, removed: boolean): Promise<Quorum> {
  const [status, config, device] = await Promise.all([
    look(["cluster", "status"]),
    look(["cluster", "config", "nodes"]),
    look(["cluster", "config", "qdevice"]),
  ]);
  const rows = rowsIn(status);
  if (rows === undefined) {
    return { line: `quorum not readable (${"missing" in status ? status.missing : "the answer is no list"})` };
  }
  const nodes = rows.filter(({ type }) => type === "node");
  if (!rows.some(({ type }) => type === "cluster") || nodes.length < 2) return { line: undefined };
  for (const row of nodes) facts.add(`node ${String(row["name"])} online`, yes(row["online"]));
  const votes = votesOf(rowsIn(config) ?? []);
  for (const { name } of nodes) facts.add(`votes of node ${String(name)}`, votes.get(String(name)) ?? 1);
  const sum = (some: readonly Row[]) => some.reduce((total, row) => total + (votes.get(String(row["name"])) ?? 1), 0);
  const online = nodes.filter((row) => yes(row["online"]));
  const qdevice = deviceOf(device, nodes.length);
  facts.add("QDevice", qdevice);
  const { expected: extra, present } = qdevice ?? { expected: 0, present: 0 };
  const expected = sum(nodes) + extra;
  const now = sum(online) + present;
  const after = sum(online.filter(({ name }) => name !== node)) + present;
  const expectedAfter = removed ? sum(nodes.filter(({ name }) => name !== node)) + extra : expected;
  const needed = Math.floor(expectedAfter / 2) + 1;
  const had = now >= Math.floor(expected / 2) + 1;
  const lost = qdevice === undefined ? "quorum is lost unless a QDevice votes" : "the cluster loses quorum";
  const short = had || qdevice === undefined ? lost : "the cluster has no quorum";
  const kept = after === needed ? "quorum holds, without a vote to spare" : "quorum holds";
  const counted = extra === 0 ? "votes" : `votes (QDevice ${present})`;
  return {
    line: `${now} of ${expected} ${counted} now, ${after} of ${expectedAfter} after: ${after < needed ? short : kept}`,
  };
}

/** The votes of a QDevice. */
interface Device {
  readonly expected: number;
  /** Those that it casts: none while it is not connected. */
  readonly present: number;
}

/**
 * What GET /cluster/config/qdevice tells: nothing without a QDevice, else the lines of corosync's status. `pvecm qdevice
 * setup` gives one vote for the algorithm ffsplit, and one less than there are nodes for lms.
 * @returns `undefined` where it cannot be read or the algorithm is another one.
 */
function deviceOf(seen: Seen, nodes: number): Device | undefined {
  const row = objectIn(seen);
  if (row === undefined) return undefined;
  if (Object.keys(row).length === 0) return { expected: 0, present: 0 };
  const algorithm = textIn(row["Algorithm"]) ?? "";
  const expected = /split/i.test(algorithm) ? 1 : /^LMS$/i.test(algorithm.trim()) ? nodes - 1 : undefined;
  if (expected === undefined) return undefined;
  return { expected, present: /^connected/i.test((textIn(row["State"]) ?? "").trim()) ? expected : 0 };
}

/** GET /cluster/config/nodes lists members by `node` or `name`, each with its `quorum_votes`. */
function votesOf(rows: readonly Row[]): ReadonlyMap<string, number> {
  return new Map(
    rows.flatMap((row) => {
      const name = textIn(row["name"]) ?? textIn(row["node"]);
      const votes = Number(row["quorum_votes"]);
      return name !== undefined && Number.isInteger(votes) && votes >= 0 ? [[name, votes] as const] : [];
    }),
  );
}
