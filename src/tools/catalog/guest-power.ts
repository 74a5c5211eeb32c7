import { z } from "zod";
import { ProxmoxError } from "../../proxmox/errors/proxmox-error.ts";
import { explainTask } from "../../proxmox/tasks/task.ts";
import { plainLine } from "../../sanitize.ts";
import { failureText, ToolFailure } from "../failure.ts";
import { findGuest, type GuestPlace, guestArgument, whereIs } from "../guests/find-guest.ts";
import { readGuestState } from "../guests/guest-state.ts";
import { type PowerActionName, powerActionNames, powerActions } from "../guests/power-actions.ts";
import { remarks } from "../output/api-answer.ts";
import { startedTask } from "../tasks/task-handle.ts";
import { watchStarted } from "../tasks/task-watch.ts";
import { defineTool, type ToolContext } from "../tool.ts";

/** `guest_power`: starts and stops guests, wherever they run. */
export const guestPower = defineTool({
  name: "guest_power",
  title: "Start or stop a guest",
  description:
    "Starts, shuts down, reboots, stops, resets, suspends or resumes a guest by VMID or name: finds its node, waits a moment for the outcome. shutdown and reboot ask the system inside; stop and reset pull the plug.",
  cluster: "found",
  input: {
    guest: guestArgument.describe("VMID or name"),
    action: z.enum(powerActionNames),
    timeout: z.coerce
      .number()
      .int()
      .min(1)
      .max(3600)
      .optional()
      .describe("Seconds for shutdown and reboot; Proxmox's default is 60"),
  },
  annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: false, openWorldHint: false },
  async run({ guest, action, cluster, timeout }, context) {
    if (timeout !== undefined && powerActions[action].asks === undefined) {
      throw new ToolFailure(
        `timeout: ${action} takes none, only shutdown and reboot do. Nothing was done; leave it out.`,
      );
    }
    const press: PowerRequest = { action, timeout };
    const place = await findGuest(guest, cluster, context);
    const answer = await runAction(press, place, context);
    if (answer !== undefined) return answer;
    // Proxmox did nothing where the guest was not, so nothing is sent twice.
    const now = await findGuest(place.vmid, place.cluster, context);
    const moved = now.node !== place.node || now.type !== place.type;
    const second = moved ? await runAction(press, now, context) : undefined;
    if (second !== undefined) return `It moved from ${place.node} to ${now.node} meanwhile.\n${second}`;
    throw new ToolFailure(
      `${titleOf(now)}: ${action} was not done. The cluster lists the guest there, and the node does not have it: it is being moved or destroyed. Try again in a moment.`,
    );
  },
});

interface PowerRequest {
  readonly action: PowerActionName;
  readonly timeout: number | undefined;
}

/** Does what is asked, and says what came of it; `undefined` when the guest is not at that place any more. */
async function runAction(press: PowerRequest, place: GuestPlace, context: ToolContext): Promise<string | undefined> {
  try {
    return await attempt(press, place, context);
  } catch (error) {
    if (!(error instanceof ProxmoxError)) throw error;
    const isElsewhere = error.kind === "not-found" && error.details.subject?.type === "guest";
    if (isElsewhere && error.sent === "answered") return undefined;
    if (error.kind !== "node-offline") throw error;
    throw error.withHint(
      `Guest ${place.vmid} belongs to ${place.node}, so nothing can be done with it until that node is back; nothing was done now. Only what high availability manages starts on another node, by itself. list_nodes shows the nodes.`,
    );
  }
}

async function attempt(press: PowerRequest, place: GuestPlace, context: ToolContext): Promise<string | undefined> {
  const { action, timeout } = press;
  const { done, no, asks, steps } = powerActions[action];
  const lxc = place.type === "lxc" ? powerActions[action].lxc : undefined;
  const { power, halted, name } = await readGuestState(place, context);
  const title = titleOf(place, name);
  const refuse = (why: string) => new ToolFailure(`${title}: ${action} was not sent. ${why}`);
  if (lxc === "missing") throw refuse(noReset);
  // A container's state does not tell whether it is suspended.
  if (lxc !== "experimental") {
    if (done.includes(power)) return `${title} is ${power} already; nothing was done.${inWords(halted)}`;
    const reason = no[power];
    if (reason !== undefined) throw refuse(`${reason}${inWords(halted)}`);
  }
  const answer = await context.proxmox.request(place.cluster, {
    method: "POST",
    path: [...place.path, "status", action],
    ...(timeout !== undefined && { params: { timeout } }),
    signal: context.signal,
  });
  const task = startedTask(answer.cluster, answer.data);
  if (task === undefined) return `${title}: ${action} was sent, and Proxmox started no task for it.`;
  const watched = await watchStarted(task, context);
  const news = { ...watched, text: `${watched.text}${remarks(answer)}` };
  if (news.outcome === "ok" || news.outcome === "warnings") {
    return `${title} ${await stateAfter(press, place, context)}\n${news.text}`;
  }
  if (news.outcome === "running") return asks ? `${news.text}\n${unheard}` : news.text;
  if (news.outcome === "vanished") throw new ToolFailure(news.text);
  const { kind, details } = explainTask(task, news.exitstatus ?? "");
  // The task looks for the guest before all else, and found none.
  if (!steps && kind === "not-found" && details?.subject?.type === "guest") return undefined;
  const more = lxc === "experimental" ? [experimental] : asks && kind === "failed" ? [unheard] : [];
  throw new ToolFailure([`${title}: ${action} failed.`, news.text, ...more].join("\n"));
}

const noReset = "Containers have no reset. Action reboot restarts one; stop and then start does when it hears nothing.";
const experimental = "Suspending containers is experimental in Proxmox VE; many cannot be suspended at all.";
const unheard =
  "If the guest does not listen, action stop turns it off hard once this task is over, as pulling the plug does.";

/** What the guest does after a task that went well, as the end of a sentence. */
async function stateAfter({ action }: PowerRequest, place: GuestPlace, context: ToolContext): Promise<string> {
  const { to, lxc } = powerActions[action];
  const done = `was told to ${action}.`;
  if (place.type === "lxc" && lxc === "experimental") return done;
  try {
    const { power, halted, managed } = await readGuestState(place, context);
    if (power === to) return `is ${power} now.`;
    return managed
      ? `${done} High availability manages it and acts within some 10 s: it is ${power} so far.`
      : `${done} It is ${power}.${inWords(halted)}`;
  } catch (error) {
    if (failureText(error) === undefined || context.signal.aborted) throw error;
    return done;
  }
}

function inWords(halted: string | undefined): string {
  return halted === undefined ? "" : ` QEMU says: ${halted}.`;
}

/** `104 (web-01, VM on pve1 of prod)`. */
function titleOf(place: GuestPlace, name?: string): string {
  return plainLine(`${place.vmid} (${name === undefined ? "" : `${name}, `}${whereIs(place)})`);
}
