import { z } from "zod";
import type { GuardedAnswer } from "../policy/guard.ts";
import { parseParams } from "../proxmox/params.ts";
import { parsePath } from "../proxmox/path.ts";
import { parseUpid } from "../proxmox/upid.ts";
import { methodArgument } from "./method.ts";
import { type Cell, table } from "./table.ts";
import { defineTool } from "./tool.ts";

/** `proxmox_api_call`: any endpoint of the API. */
export const proxmoxApiCall = defineTool({
  name: "proxmox_api_call",
  title: "Call the Proxmox VE API",
  description: `Calls any endpoint of the Proxmox VE API on one cluster, as \`pvesh\` does: GET reads, POST creates or acts, PUT changes, DELETE removes. Writes take effect at once.
Examples: GET /nodes/pve1/qemu/100/config; POST /nodes/pve1/qemu/100/status/start; PUT /nodes/pve1/qemu/100/config with data {"memory": 2048, "delete": ["description"]}.
A write that takes longer answers with a UPID: the task was started, not finished. Read GET /nodes/{node}/tasks/{upid}/status until it is stopped; exitstatus OK is success.`,
  cluster: "one",
  input: {
    path: z.string().describe("API path, such as /nodes/pve1/status; without a query string"),
    method: methodArgument.default("GET"),
    // What it may hold is for the floor to say that sends it; a record of zod's would drop the name `__proto__`.
    data: z.unknown().optional().meta({
      type: "object",
      description:
        "The endpoint's parameters as an object, also for GET and DELETE; arrays for lists, booleans for flags",
    }),
  },
  annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: false, openWorldHint: false },
  async run({ cluster, path, method, data }, { proxmox, signal }) {
    const request = { method, path: parsePath(path), params: parseParams(parseJsonObject(data)), signal };
    const answer = await proxmox.request(cluster, request);
    return render(answer);
  },
});

/** Models often send the object as its JSON text. What does not parse stays a string, and is refused as one. */
function parseJsonObject(given: unknown): unknown {
  if (typeof given !== "string") return given;
  try {
    return JSON.parse(given);
  } catch {
    return given;
  }
}

/** Rows that share few keys make a table of empty cells; Proxmox's widest lists have some 40. */
const mostColumns = 100;

/** Proxmox's answer with what stands beside its data: `total` where it pages, `changes` of a pending network. */
function render({ cluster, data, total, extra }: GuardedAnswer): string {
  if (typeof data === "string") {
    const task = parseUpid(data);
    if (task !== undefined) {
      const next = `The task was started. GET /nodes/${task.node}/tasks/${data}/status tells when it stopped and how.`;
      return JSON.stringify({ cluster, upid: data, next });
    }
  }
  const header = isRows(data) ? [...new Set(data.flatMap((row) => Object.keys(row)))].sort() : [];
  if (!isRows(data) || header.length > mostColumns) {
    return JSON.stringify({ cluster, data, ...(total !== undefined && { total }), ...extra });
  }
  const rows = data.map((row) => header.map((key) => cell(Object.hasOwn(row, key) ? row[key] : undefined)));
  const count = data.length === 1 ? "1 row" : `${data.length} rows`;
  const ofAll = total === undefined || total === data.length ? "" : `, of ${total} in all`;
  const beside = Object.keys(extra).length === 0 ? "" : `\n${JSON.stringify(extra)}`;
  return `${count} on ${cluster}${ofAll}\n${table(header, rows)}${beside}`;
}

function isRows(data: unknown): data is readonly Record<string, unknown>[] {
  return (
    Array.isArray(data) &&
    data.length > 0 &&
    data.every((row) => typeof row === "object" && row !== null && !Array.isArray(row))
  );
}

/** Values stay as Proxmox gave them; what has parts stands as JSON. */
function cell(value: unknown): Cell {
  return typeof value === "object" && value !== null ? JSON.stringify(value) : (value as Cell);
}
