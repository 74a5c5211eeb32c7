import { ConfigError } from "../../config/error.ts";
import type { Flags } from "../../config/server/option-sources.ts";
import { shellWord } from "../../config/wording.ts";
import { formatPath } from "../../proxmox/path.ts";
import { stableOrder } from "../../proxmox/stable-order.ts";
import { parseUpid } from "../../proxmox/tasks/upid.ts";
import { notesOf } from "../../tools/output/api-answer.ts";
import { command } from "../command.ts";
import { askInTerminal } from "../consent.ts";
import { flagsOf } from "../flags.ts";
import { grid } from "../format-table.ts";
import { json } from "../output.ts";
import { readRequest } from "../request.ts";
import { openQuietly } from "../runtime.ts";

/** `call`: one request to the API of a cluster, as `pvesh` does it, through the same policy as the tools. */
export const call = command({
  name: "call",
  description: "call the API of a cluster, as pvesh does; a table on a terminal, JSON in a pipe",
  examples: [
    "proxmox-mcp call get /nodes --cluster alpha --demo",
    "proxmox-mcp call get /cluster/resources type=vm --cluster alpha --demo --json",
    "proxmox-mcp call set /nodes/pve1/qemu/100/config memory=512 delete=description delete=onboot --cluster alpha --demo --consent web-01",
    "proxmox-mcp call create /nodes/pve1/qemu/100/status/shutdown --cluster alpha --demo",
    "proxmox-mcp call delete /nodes/pve1/qemu/104 --cluster alpha --demo --consent pending-vm",
  ],
  args: {
    METHOD: { type: "positional", description: "get, create, set or delete; or GET, POST, PUT, DELETE" },
    PATH: {
      type: "positional",
      description: "such as /nodes/pve1/status, or /guests/web-01/config: /guests/{vmid or name} finds the node",
    },
    "KEY=VALUE...": {
      type: "positional",
      required: false,
      description:
        "parameters; a key that comes again makes a list, KEY=@FILE takes a file's text, KEY=@@... begins with an @",
    },
    cluster: { type: "string", valueHint: "NAME", description: "which cluster; may be left out where there is one" },
    consent: {
      type: "string",
      valueHint: "NAME",
      description:
        "for scripts: what would be typed to agree to damage, the guest's name or VMID; `yes` where one click agrees",
    },
    ...flagsOf("source", "cache", "memory"),
    json: { type: "boolean", description: "print JSON, on a terminal too" },
    table: { type: "boolean", description: "print a table, in a pipe too" },
  },
  run: async ({ flags, words, redactor, write, stderr }) => {
    const request = readRequest(words);
    const asTable = wantsTable(flags);
    const { guard, clusters, config } = await openQuietly({ flags, redactor, stderr });
    for (const warning of config.warnings) await write(process.stderr, warning);
    const { cluster } = flags;
    const name = typeof cluster === "string" ? cluster : undefined;
    const answer = await askInTerminal(
      guard,
      async (proxmox) => await proxmox.request(name, { ...request, checked: true }),
      { given: typeof flags["consent"] === "string" ? flags["consent"] : undefined, redactor, write },
    );
    clusters.close();
    const { resolved } = answer;
    const data = stableOrder(answer.data);
    if (resolved !== undefined) {
      await write(process.stderr, `${formatPath(request.path)} is ${formatPath(resolved)}.`);
    }
    const text = asTable ? grid(data, process.stdout.columns ?? Number.POSITIVE_INFINITY) : json(data);
    if (text !== "") await write(process.stdout, text);
    for (const note of notesOf(answer)) await write(process.stderr, `Note: ${note}.`);
    const task = typeof data === "string" ? parseUpid(data) : undefined;
    // The demo of another call is another process, which does not know the task.
    if (task !== undefined && flags["demo"] !== true) {
      const look = ["proxmox-mcp", "call", "get", `/nodes/${task.node}/tasks/${data}/status`, ...sameClusters(flags)];
      await write(process.stderr, `The task was started. How it ends: ${look.map(shellWord).join(" ")}`);
    }
    return 0;
  },
});

/** The flags that lead another call to the same cluster. */
function sameClusters({ cluster, config }: Flags): string[] {
  return [
    ...(typeof cluster === "string" ? [`--cluster=${cluster}`] : []),
    ...(typeof config === "string" ? [`--config=${config}`] : []),
  ];
}

function wantsTable({ json, table }: Flags): boolean {
  if (json === true && table === true) throw new ConfigError("--json and --table: choose one.");
  return table === true || (json !== true && process.stdout.isTTY);
}
