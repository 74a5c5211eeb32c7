import { anyone, demand, may, on } from "../../access.ts";
import { type Endpoint, post, type SimulatedCall } from "../../endpoint.ts";
import { choice, flag, integer, list, optional } from "../../schema.ts";
import { findNode, type SimulatedGuest, words } from "../../state/state.ts";
import { turnOn } from "../guests/power.ts";
import { startTask } from "./task.ts";

/** The node goes with its guests; after a reboot it is back, and with it those that start at boot. */
function command(call: SimulatedCall): void {
  const { world } = call;
  const node = findNode(world, call.node);
  for (const guest of world.guests.values()) if (guest.node === node.name) guest.run = undefined;
  node.online = false;
  node.returns = call.text("command") === "reboot" ? world.now() + 20 * world.taskMs : undefined;
}

/** VM.PowerMgmt on `/` is enough, propagated or not; else on each guest that is named (`alpha-privsep.json`). */
function allowed(call: SimulatedCall): void {
  const { world, who } = call;
  if (may(world, who, "/", "VM.PowerMgmt")) return;
  const named = words(call.text("vms"));
  if (named.length === 0) demand(world, who, "/", "VM.PowerMgmt");
  for (const vmid of named) demand(world, who, `/vms/${vmid}`, "VM.PowerMgmt");
}

/** A task over the node's guests, or those of them that the call names. */
function all(
  call: SimulatedCall,
  type: "startall" | "stopall",
  done: (guest: SimulatedGuest) => string | undefined,
): string {
  allowed(call);
  const named = words(call.text("vms"));
  const here = [...call.world.guests.values()].filter(
    (guest) => guest.node === call.node && (named.length === 0 || named.includes(String(guest.vmid))),
  );
  return startTask(call, type, "", function* () {
    for (const guest of here) {
      const line = done(guest);
      if (line === undefined) continue;
      yield line;
      yield 0.2;
    }
  });
}

function stop(guest: SimulatedGuest): string | undefined {
  if (guest.run === undefined) return undefined;
  guest.run = undefined;
  return `Stopping ${guest.kind === "qemu" ? "VM" : "CT"} ${guest.vmid}`;
}

function start(call: SimulatedCall, guest: SimulatedGuest): string | undefined {
  const wanted = guest.config["onboot"] === 1 || call.params["force"] === 1;
  if (guest.run !== undefined || guest.config["template"] === 1 || !wanted) return undefined;
  turnOn(call.world, guest);
  return `Starting ${guest.kind === "qemu" ? "VM" : "CT"} ${guest.vmid}`;
}

/** Power of a node, and of all guests on it at once. */
export const nodePowerEndpoints: readonly Endpoint[] = [
  post("/nodes/{node}/status", {
    does: "Reboot or shut down the node.",
    needs: on("/nodes/{node}", "Sys.PowerMgmt"),
    takes: { command: choice("What to do.", ["reboot", "shutdown"]) },
    run: command,
  }),
  post("/nodes/{node}/stopall", {
    does: "Stop all guests of the node, or those named: a task.",
    needs: anyone,
    takes: optional({
      "force-stop": flag("Stop hard when the time is over.", { default: 1 }),
      timeout: integer("Seconds to wait for each.", { minimum: 0, maximum: 7200 }),
      vms: list("Only these guests."),
    }),
    gives: "string",
    run: (call) => all(call, "stopall", stop),
  }),
  post("/nodes/{node}/startall", {
    does: "Start the guests of the node that start at boot, or those named: a task.",
    needs: anyone,
    takes: optional({ force: flag("Also those that do not start at boot."), vms: list("Only these guests.") }),
    gives: "string",
    run: (call) => all(call, "startall", (guest) => start(call, guest)),
  }),
];
