import type { Redactor } from "../../redact/redactor.ts";
import { checkEndpoint } from "../check/endpoint.ts";
import { type Report, reportText } from "../check/report.ts";
import { command } from "../command.ts";
import { flagsOf } from "../flags.ts";
import { json } from "../output.ts";
import { loadSource, type Source } from "../runtime.ts";

/** `check`: whether every cluster can be used as it is configured, endpoint by endpoint. */
export const check = command({
  name: "check",
  description: "look at every endpoint of every cluster, and say what is wrong and what to do next",
  examples: ["proxmox-mcp check --demo", "proxmox-mcp check --demo --json"],
  args: { ...flagsOf("source"), json: { type: "boolean", description: "print one JSON document" } },
  run: async ({ flags, redactor, write }) => {
    const report = await checkAll(await loadSource(flags, redactor), redactor);
    await write(process.stdout, flags["json"] === true ? json(report) : reportText(report));
    return report.ok ? 0 : 1;
  },
});

async function checkAll({ config, fetchOf }: Source, redactor: Redactor): Promise<Report> {
  const clusters = await Promise.all(
    config.clusters.map(async (cluster) => {
      const look = (endpoint: string) => checkEndpoint(cluster, endpoint, { fetch: fetchOf(cluster.name), redactor });
      return { cluster: cluster.name, endpoints: await Promise.all(cluster.endpoints.map(look)) };
    }),
  );
  const ok = clusters.every(({ endpoints }) => endpoints.every((endpoint) => endpoint.ok));
  return { ok, source: config.source, warnings: config.warnings, clusters };
}
