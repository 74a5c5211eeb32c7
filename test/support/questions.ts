import type { ServerStatus } from "../../src/control/protocol.ts";
import type { OpenQuestion } from "../../src/policy/consent/open-question.ts";

/** A question as a server would list it. */
export function question(more: Partial<OpenQuestion> = {}): OpenQuestion {
  return {
    id: "K7Q2",
    method: "code",
    code: "K7Q2-9FGH-3MNP",
    caller: "chat",
    client: "gemini-cli 0.61.0",
    cluster: "alpha",
    request: "DELETE /nodes/pve1/qemu/104",
    plan: ["DELETE VM 104 web-01 on alpha: cannot be undone", "disks: vmdata:vm-104-disk-0 (32 GiB)"],
    ageMs: 120_000,
    remainingMs: 480_000,
    triesLeft: 3,
    ...more,
  };
}

/** What a server on HTTP says of itself. */
export const serverStatus: ServerStatus = {
  version: "1.2.3",
  pid: 4711,
  transport: "http",
  url: "http://127.0.0.1:8000",
  uptimeMs: 60_000,
  clusters: [{ name: "alpha", access: "guarded" }],
  sessions: { sse: 0, streamable: 0 },
  openQuestions: 1,
  configuration: { source: "the test" },
};
