import { join } from "node:path";
import { createDemo, type DemoCluster } from "../../src/simulator/index.ts";
import { type ConfigFile, configFile } from "./config-file.ts";
import { serveDemo } from "./demo-server.ts";
import { until } from "./listening.ts";

/** A line of an audit file. */
export interface AuditLine {
  readonly audit: string;
  readonly id: string;
  readonly caller: string;
  readonly client: string;
  readonly outcome?: string;
  readonly reason?: string;
  readonly upid?: string;
}

/** A demo cluster whose writes are held until they are released, with a configuration that audits to a file. */
export interface HeldCluster extends AsyncDisposable {
  readonly config: ConfigFile;
  /** The cluster's own entry in the configuration. */
  readonly entry: Record<string, unknown>;
  /** How many writes are held or were. */
  held(): number;
  /** How many requests came in all. */
  requests(): number;
  /** Lets all writes be carried out and answered, those to come included. */
  release(): void;
  /** A task that runs longer than any test: its handle. */
  longTask(): Promise<string>;
  /** How often a task's state was read. */
  looks(handle: string): number;
  /** Waits until so many writes are held. */
  untilHeld(count: number): Promise<void>;
  audit(): Promise<readonly AuditLine[]>;
}

/** What happens to a held write before it is released: nothing yet, or all but its answer. */
type Hold = "whole" | "answer";

/** Starts the cluster; `top` are further keys of the configuration. */
export async function heldCluster(hold: Hold = "whole", top: Record<string, unknown> = {}): Promise<HeldCluster> {
  const [alpha] = createDemo({ authDelayMs: 0, offlineDelayMs: 0, taskMs: 300_000 }).clusters as readonly [DemoCluster];
  const released = Promise.withResolvers<void>();
  let held = 0;
  const demo = await serveDemo({
    ...alpha,
    fetch: async (request, node) => {
      if (request.method === "GET") return await alpha.fetch(request, node);
      held += 1;
      if (hold === "whole") {
        await released.promise;
        return await alpha.fetch(request, node);
      }
      const response = await alpha.fetch(request, node);
      await released.promise;
      return response;
    },
  });
  const { user, tokenId, tokenSecret } = alpha.credentials;
  const entry = { url: demo.url, user, token_id: tokenId, token_secret: tokenSecret, access: "full" };
  const config = await configFile({ clusters: { alpha: entry }, audit_log: "audit.jsonl", ...top });
  return {
    config,
    entry,
    held: () => held,
    requests: () => demo.requests.length,
    release: released.resolve,
    async longTask() {
      const headers = { authorization: `PVEAPIToken=${user}!${tokenId}=${tokenSecret}` };
      const body = new URLSearchParams({ vmid: "201", storage: "backups" });
      const url = "http://demo/api2/json/nodes/pve1/vzdump";
      const response = await alpha.fetch(new Request(url, { method: "POST", headers, body }));
      return `alpha/${((await response.json()) as { data: string }).data}`;
    },
    looks(handle) {
      const end = `/tasks/${encodeURIComponent(handle.slice("alpha/".length))}/status`;
      return demo.requests.filter(({ path }) => path.endsWith(end)).length;
    },
    untilHeld: (count) => until(() => held >= count, 20_000),
    async audit() {
      const text = await Bun.file(join(config.folder, "audit.jsonl")).text();
      return text.split("\n").flatMap((line) => (line === "" ? [] : [JSON.parse(line) as AuditLine]));
    },
    async [Symbol.asyncDispose]() {
      released.resolve();
      await demo.stop();
      await config[Symbol.asyncDispose]();
    },
  };
}

/** A write that is done at once when it is not held, another one for each number. */
export function write(index: number) {
  const data = { description: `write ${index}` };
  return { name: "proxmox_api_call", args: { method: "PUT", path: "/nodes/pve1/qemu/104/config", data } };
}

/** Writes by their ids: each that was sent must have exactly one end. */
export function endsOf(lines: readonly AuditLine[]): readonly AuditLine[] {
  const ids = (kind: string) => lines.filter(({ audit }) => audit === kind).map(({ id }) => id);
  const [sent, ended] = [ids("sent"), ids("ended")];
  if (new Set(ended).size !== ended.length || sent.toSorted().join() !== ended.toSorted().join()) {
    throw new Error(`the audit has gaps: ${sent.length} sent, ${ended.length} ended`);
  }
  return lines.filter(({ audit }) => audit === "ended");
}
