import { ProxmoxError } from "../../proxmox/errors/proxmox-error.ts";
import { readTask, type Send, type TaskId } from "../../proxmox/tasks/task.ts";
import { parseUpid } from "../../proxmox/tasks/upid.ts";
import { failureText, ToolFailure } from "../failure.ts";
import type { ToolContext } from "../tool.ts";

/** A task, and the cluster that it belongs to. */
export interface TaskHandle extends TaskId {
  readonly cluster: string;
}

/** A handle as tools write and take it: `prod/UPID:pve1:...`. */
export function formatHandle({ cluster, upid }: TaskHandle): string {
  return `${cluster}/${upid}`;
}

/** The task that a write's answer names; `undefined` for every other answer. */
export function startedTask(cluster: string, data: unknown): TaskHandle | undefined {
  const upid = typeof data === "string" ? parseUpid(data) : undefined;
  return upid === undefined ? undefined : { ...upid, upid: String(data), cluster };
}

/**
 * What reads a task through the policy. These reads count toward the caller's requests and are never refused for them:
 * a wait paces itself, and the end of a task that the caller started must not be lost to it.
 */
export function senderOf({ proxmox }: ToolContext, { cluster }: TaskHandle): Send {
  return (request) => proxmox.request(cluster, { ...request, isAdmitted: true });
}

/**
 * The task that a text names: `cluster/UPID`, or a UPID whose cluster is given apart, is the only one, or is the only
 * one that knows it.
 * @throws {ToolFailure} when the text names no task, two clusters, or a task that no cluster or several know.
 */
export async function findTask(text: string, given: string | undefined, context: ToolContext): Promise<TaskHandle> {
  // As other tools take it: any of them.
  const cluster = given === "*" ? undefined : given;
  const [, prefix, rest = ""] = /^(?:([^/:]+)\/)?(UPID:[^\s/]*)$/.exec(text.trim()) ?? [];
  // Models take the last colon for the end of a sentence.
  const upid = rest.endsWith(":") ? rest : `${rest}:`;
  const task = parseUpid(upid);
  if (task === undefined) {
    throw new ToolFailure(
      `${JSON.stringify(text.slice(0, 200))} names no task. A handle is cluster/UPID, such as prod/UPID:pve1:000001CC:0006EAA0:6B02C95E:qmstart:100:root@pam: with its last colon; list_tasks gives those there are.`,
    );
  }
  if (prefix !== undefined && cluster !== undefined && prefix !== cluster) {
    throw new ToolFailure(`The handle names the cluster "${prefix}", and cluster says "${cluster}". Leave one out.`);
  }
  const named = prefix ?? cluster ?? (context.proxmox.names.length === 1 ? context.proxmox.names[0] : undefined);
  if (named !== undefined) return { ...task, upid, cluster: named };
  return await knownBy({ ...task, upid }, context);
}

/** How long a cluster may take to say whether it knows a task, in milliseconds: there is the waiting still to come. */
const knownMs = 5000;

/** Asks every cluster whether it knows a task. A UPID holds node, process and second, so only one does. */
async function knownBy(task: TaskId, context: ToolContext): Promise<TaskHandle> {
  const { names } = context.proxmox;
  const asked = await Promise.all(names.map(async (cluster) => ask({ ...task, cluster }, context)));
  const [handle, ...others] = asked.flatMap((one) => one.handle ?? []);
  if (handle !== undefined && others.length === 0) return handle;
  const reasons = asked.flatMap((one) => one.reason ?? []);
  const found =
    handle === undefined
      ? "No cluster knows this task."
      : `More than one cluster knows it: ${[handle, ...others].map((one) => one.cluster).join(", ")}.`;
  throw new ToolFailure([`${found} Name its cluster: cluster/UPID.`, ...reasons].join("\n"));
}

async function ask(handle: TaskHandle, context: ToolContext): Promise<{ handle?: TaskHandle; reason?: string }> {
  try {
    await readTask(senderOf(context, handle), handle, { signal: context.signal, timeoutMs: knownMs });
    return { handle };
  } catch (error) {
    const reason = failureText(error);
    if (reason === undefined || context.signal.aborted) throw error;
    // No such task there, or no such node.
    if (error instanceof ProxmoxError && error.kind === "not-found") return {};
    return { reason: `No answer from ${handle.cluster}: ${reason}` };
  }
}
