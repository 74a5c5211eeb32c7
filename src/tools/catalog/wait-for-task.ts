import { z } from "zod";
import { findTask } from "../tasks/task-handle.ts";
import { textUnlessFailed, watchTask } from "../tasks/task-watch.ts";
import { defineTool, readOnly } from "../tool.ts";

/** Below the 60 s after which clients give a call up. */
const maxSeconds = 45;

/** How many of the last lines of its log show what a task did. */
const tail = 10;

/** `wait_for_task`: waits for the end of a task, and says how it went. */
export const waitForTask = defineTool({
  name: "wait_for_task",
  title: "Wait for a task",
  description:
    "Waits until a task ends and says how, with its log's end; a failed task is an error with the lines that tell why. After the timeout: still running. Giving up the call ends the waiting, not the task.",
  cluster: "found",
  input: {
    task: z.string().max(512).describe("Its handle, cluster/UPID, as other tools give it"),
    timeout: z.coerce.number().min(0).max(maxSeconds).default(maxSeconds).describe("Seconds"),
  },
  annotations: readOnly,
  async run({ task, cluster, timeout }, context) {
    const until = performance.now() + timeout * 1000;
    const handle = await findTask(task, cluster, context);
    const timeoutMs = Math.max(0, until - performance.now());
    return textUnlessFailed(await watchTask(handle, context, { timeoutMs, tail }));
  },
});
