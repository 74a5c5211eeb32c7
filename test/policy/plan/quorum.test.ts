import { expect, test } from "bun:test";
import { type Answer, forbidden, sceneWith } from "./scene.ts";

async function effectOf(nodes: number, qdevice: Answer): Promise<string> {
  const names = ["a", "b", "c", "d"].slice(0, nodes);
  const scene = sceneWith({
    "/nodes": { data: names.map((node) => ({ node, status: "online" })) },
    "/cluster/resources": { data: [] },
    "/cluster/status": {
      data: [{ type: "cluster", name: "x", quorate: 1 }, ...names.map((name) => ({ type: "node", name, online: 1 }))],
    },
    "/cluster/config/nodes": { data: names.map((name) => ({ name, quorum_votes: "1" })) },
    "/cluster/config/qdevice": qdevice,
  });
  return (await scene.plan("POST /nodes/a/status", { command: "shutdown" })).effect.split("; ")[0] ?? "";
}

// The answer's keys are those of PVE::API2::ClusterConfig; ffsplit gives one vote, lms one less than there are nodes.
const device = (Algorithm: string, State = "Connected") => ({
  data: { Algorithm, State, "QNetd host": "192.0.2.9:5403" },
});

test.each<[nodes: number, qdevice: Answer, line: string]>([
  [2, { data: {} }, "2 of 2 votes now, 1 of 2 after: the cluster loses quorum"],
  [2, device("Fifty-Fifty split"), "3 of 3 votes (QDevice 1) now, 2 of 3 after: quorum holds, without a vote to spare"],
  [
    2,
    device("Fifty-Fifty split", "Connect failed"),
    "2 of 3 votes (QDevice 0) now, 1 of 3 after: the cluster loses quorum",
  ],
  [3, device("LMS"), "5 of 5 votes (QDevice 2) now, 4 of 5 after: quorum holds"],
  [2, device("Test"), "2 of 2 votes now, 1 of 2 after: quorum is lost unless a QDevice votes"],
  [2, forbidden, "2 of 2 votes now, 1 of 2 after: quorum is lost unless a QDevice votes"],
  [4, forbidden, "4 of 4 votes now, 3 of 4 after: quorum holds, without a vote to spare"],
])("%d nodes with the QDevice %j", async (nodes, qdevice, line) => {
  expect(await effectOf(nodes, qdevice)).toBe(line);
});
