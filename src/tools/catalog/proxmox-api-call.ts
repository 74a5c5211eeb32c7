import { z } from "zod";
import { maxPathLength, parsePath } from "../../proxmox/path.ts";
import { dataArgument, readData } from "../data.ts";
import { ToolFailure } from "../failure.ts";
import { methodArgument, splitMethod } from "../method.ts";
import { answerText, remarks } from "../output/api-answer.ts";
import { startedTask } from "../tasks/task-handle.ts";
import { textUnlessFailed, watchStarted } from "../tasks/task-watch.ts";
import { defineTool } from "../tool.ts";

/** `proxmox_api_call`: any endpoint of the API. */
export const proxmoxApiCall = defineTool({
  name: "proxmox_api_call",
  title: "Call the Proxmox VE API",
  description: `Calls any endpoint of the Proxmox VE API on one cluster, as \`pvesh\` does: GET reads, POST creates or acts, PUT changes, DELETE removes. Changes take effect at once; what destroys or exposes may first need a human's consent, and asks for it.
Examples: GET /nodes/pve1/qemu/100/config; POST /nodes/pve1/qemu/100/status/start; PUT /nodes/pve1/qemu/100/config with data {"memory": 2048, "delete": ["description"]}.
Where a write starts a task, a moment is waited for it: the answer says how it ended, or gives its handle for wait_for_task.`,
  cluster: "one",
  input: {
    path: z
      .string()
      .max(maxPathLength)
      .describe(
        "API path without a query string: /nodes/pve1/status. /guests/{vmid or name}/... stands for its guest's /nodes/{node}/{qemu|lxc}/{vmid}/...",
      ),
    method: methodArgument.default("GET"),
    data: dataArgument(
      "The endpoint's parameters as an object, also for GET and DELETE; arrays for lists, booleans for flags",
    ),
  },
  annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: false, openWorldHint: false },
  async run({ cluster, path, method, data }, context) {
    const { proxmox, signal } = context;
    const { written = method, path: bare } = splitMethod(path);
    if (written !== method) {
      throw new ToolFailure(
        `Nothing was sent: the path begins with ${written}, and the method is ${method}. Pass the one that is meant as method, and the path alone.`,
      );
    }
    const request = { method, path: parsePath(bare), params: readData(data), signal, checked: true };
    using answer = await proxmox.request(cluster, request);
    const task = method === "GET" ? undefined : startedTask(answer.cluster, answer.data);
    if (task === undefined) return answerText(answer);
    const news = await watchStarted(task, context);
    return textUnlessFailed({ ...news, text: `${news.text}${remarks(answer)}` });
  },
});
