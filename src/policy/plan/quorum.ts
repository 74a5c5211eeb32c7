import type { Context } from "./describer.ts";
import type { Row } from "./facts.ts";
import { objectIn, rowsIn, textIn, yes } from "./look.ts";

/** How a cluster's votes change when a node is taken away. */
export interface Quorum {
  /** `2 of 3 votes now, 1 of 3 after: the cluster loses quorum`; `undefined` on a cluster of one node, which has none. */
  readonly line: string | undefined;
}

/**
 * The votes of the cluster without a node. One that is removed takes its vote out of the expected votes, too
 * (`pvecm delnode`); one that is switched off does not. Corosync needs more than half of the expected votes.
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
  const expected = sum(nodes);
  const online = nodes.filter((row) => yes(row["online"]));
  const now = sum(online);
  const after = sum(online.filter(({ name }) => name !== node));
  const expectedAfter = removed ? sum(nodes.filter(({ name }) => name !== node)) : expected;
  const needed = Math.floor(expectedAfter / 2) + 1;
  const lost = now < Math.floor(expected / 2) + 1 ? "the cluster has no quorum" : "the cluster loses quorum";
  const kept = after === needed ? "quorum holds, without a vote to spare" : "quorum holds";
  const hasDevice = Object.keys(objectIn(device) ?? {}).length > 0;
  facts.add("QDevice", hasDevice);
  return {
    line: [
      `${now} of ${expected} votes now, ${after} of ${expectedAfter} after: ${after < needed ? lost : kept}`,
      hasDevice ? " (the vote of the QDevice is not counted)" : "",
    ].join(""),
  };
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
