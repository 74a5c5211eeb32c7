import type { Describer } from "../../describer.ts";
import { readTarget } from "../../guest-state.ts";
import { nameText } from "../../wording.ts";

/** What each command does to a guest that runs. */
const commands = {
  stop: { verb: "STOP", undo: "unsaved data is lost", effect: "cuts power" },
  reset: { verb: "RESET", undo: "unsaved data is lost", effect: "restarts at once, as the reset button does" },
  shutdown: { verb: "SHUT DOWN", undo: "can be undone by starting it", effect: "asks the guest to shut down" },
  reboot: { verb: "REBOOT", undo: "the guest is down meanwhile", effect: "shuts the guest down and starts it again" },
  suspend: { verb: "SUSPEND", undo: "can be undone by resuming it", effect: "pauses the guest" },
  resume: { verb: "RESUME", undo: "can be undone by suspending it", effect: "lets the guest run on" },
  start: { verb: "START", undo: "can be undone by stopping it", effect: "starts the guest" },
} as const;

function isCommand(name: string): name is keyof typeof commands {
  return Object.hasOwn(commands, name);
}

/** `POST .../status/{command}`. */
export const describePower: Describer = async (context) => {
  const state = await readTarget(context);
  const name = context.path[5] ?? "";
  const command = isCommand(name)
    ? commands[name]
    : { verb: nameText(name.toUpperCase()), undo: "can be undone", effect: nameText(name) };
  const { label, managedByHa, config, words, lines } = state;
  // PVE::QemuServer::vm_stop returns at once without a process; with HA the request changes what HA keeps up, and a
  // lock may belong to a suspended state that a stop discards.
  const isSettled = !managedByHa && config !== undefined && config["lock"] === undefined;
  if (["stop", "reset", "suspend", "shutdown", "reboot"].includes(name) && state.running === false && isSettled) {
    throw context.noEffect(`${label} is stopped already`);
  }
  const isUp = state.running !== false;
  return {
    action: `${command.verb} ${label}`,
    undo: isUp ? command.undo : "can be undone",
    effect: [
      isUp ? `${command.effect}; it is ${state.power}` : `it is ${state.power}`,
      ...(managedByHa ? ["HA carries it out and keeps that state"] : []),
    ],
    details: lines,
    words,
  };
};
