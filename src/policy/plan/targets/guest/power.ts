import { isOn } from "../../../endpoint-classes/values.ts";
import type { Describer, UndoNotes } from "../../describer.ts";
import { readTarget } from "../../guest-state.ts";
import { nameText } from "../../wording.ts";

interface Command {
  readonly verb: string;
  readonly undo?: UndoNotes;
  readonly effect: string;
}

/** What each command does to a guest that runs. */
const commands = {
  stop: { verb: "STOP", undo: { caveat: "unsaved data is lost" }, effect: "cuts power" },
  reset: {
    verb: "RESET",
    undo: { caveat: "unsaved data is lost" },
    effect: "restarts at once, as the reset button does",
  },
  shutdown: { verb: "SHUT DOWN", undo: { how: "by starting it" }, effect: "asks the guest to shut down" },
  reboot: {
    verb: "REBOOT",
    undo: { caveat: "the guest is down meanwhile" },
    effect: "shuts the guest down and starts it again",
  },
  suspend: { verb: "SUSPEND", undo: { how: "by resuming it" }, effect: "pauses the guest" },
  resume: { verb: "RESUME", undo: { how: "by suspending it" }, effect: "lets the guest run on" },
  start: { verb: "START", undo: { how: "by stopping it" }, effect: "starts the guest" },
} as const satisfies Record<string, Command>;

/** A shutdown that cuts power where the guest does not shut down in time (PVE::API2::Qemu, vm_shutdown). */
const forcedShutdown: Command = {
  verb: "SHUT DOWN",
  undo: { caveat: "unsaved data may be lost" },
  effect: "asks the guest to shut down, cuts power on timeout",
};

function isCommand(name: string): name is keyof typeof commands {
  return Object.hasOwn(commands, name);
}

/** `POST .../status/{command}`. */
export const describePower: Describer = async (context) => {
  const state = await readTarget(context);
  const name = context.path[5] ?? "";
  const forces = name === "shutdown" && isOn(context.params, "forceStop");
  const command: Command = forces
    ? forcedShutdown
    : isCommand(name)
      ? commands[name]
      : { verb: nameText(name.toUpperCase()), effect: nameText(name) };
  const { label, managedByHa, config, words, lines } = state;
  // PVE::QemuServer::vm_stop returns at once without a process; with HA the request changes what HA keeps up, and a
  // lock may belong to a suspended state that a stop discards.
  const isSettled = !managedByHa && config !== undefined && config["lock"] === undefined;
  if (["stop", "reset", "suspend", "shutdown", "reboot"].includes(name) && state.running === false && isSettled) {
    throw context.noEffect(`${label} is stopped already`);
  }
  // PVE::QemuServer::_do_vm_stop returns at once without a process, also where the state was saved to disk.
  if (name === "stop" && state.running === false && !managedByHa && config?.["lock"] === "suspended") {
    throw context.noEffect(
      `${label} is hibernated and has no process that could be stopped; delete=vmstate in its configuration discards the saved state`,
    );
  }
  const isUp = state.running !== false;
  return {
    action: `${command.verb} ${label}`,
    ...(isUp && command.undo !== undefined && { undo: command.undo }),
    effect: [
      isUp ? `${command.effect}; it is ${state.power}` : `it is ${state.power}`,
      ...(managedByHa ? ["HA carries it out and keeps that state"] : []),
    ],
    details: lines,
    words,
    paraphrased: forces ? ["forceStop"] : [],
  };
};
