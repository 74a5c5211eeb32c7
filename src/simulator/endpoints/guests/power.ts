import { on } from "../../access.ts";
import { type Endpoint, get, post, type SimulatedCall } from "../../endpoint.ts";
import { died } from "../../failure.ts";
import { flag, integer, type Parameters } from "../../schema.ts";
import { guestOf, type Kind, listRow, qmpStatus, unlocked } from "../../state/guest-kinds.ts";
import { findNode, type SimulatedCluster, type SimulatedGuest } from "../../state/state.ts";
import type { Script } from "../../state/task.ts";
import { resourceOf } from "../cluster/ha.ts";
import { guestLoad } from "../cluster/metrics.ts";
import { startTask } from "../nodes/task.ts";
import { applyPending } from "./config.ts";

/** Turns a guest on, as the node can; throws what its start task would fail with. */
export function turnOn(world: SimulatedCluster, guest: SimulatedGuest): void {
  const node = findNode(world, guest.node);
  node.pid += 12;
  guest.run = { since: world.now(), pid: node.pid, paused: false };
}

function* start(world: SimulatedCluster, guest: SimulatedGuest, kind: Kind): Script {
  if (guest.run !== undefined) throw new Error(`${kind.label} ${guest.vmid} already running`);
  if (isOnDisk(guest)) delete guest.config["lock"];
  unlocked(guest);
  if (guest.config["template"] === 1)
    throw new Error(`you can't start a ${kind.label.toLowerCase()} if it's a template`);
  applyPending(guest);
  const cpus = findNode(world, guest.node).cpus;
  const wanted = Number(guest.config["cores"] ?? 1) * Number(guest.config["sockets"] ?? 1);
  if (kind.type === "qemu" && wanted > cpus) throw new Error(`MAX ${cpus} vcpus allowed per VM on this node`);
  yield 0.4;
  turnOn(world, guest);
}

function* stop(guest: SimulatedGuest, part: number): Script {
  yield part;
  guest.run = undefined;
}

/** What a guest does that is asked to shut down: one that hears neither agent nor ACPI goes on until the time is over. */
function* shutDown(guest: SimulatedGuest, part: number, force = false): Script {
  if (guest.run?.paused) throw new Error("VM is paused - cannot shutdown");
  const deaf = guest.config["acpi"] === 0 && !hasAgent(guest);
  yield* deaf ? ignore(force) : stop(guest, part);
  guest.run = undefined;
}

function* ignore(force: boolean): Script {
  yield 2;
  if (!force) throw new Error("VM quit/powerdown failed - got timeout");
  yield "VM still running - terminating now with SIGTERM";
}

function hasAgent({ config }: SimulatedGuest): boolean {
  return /^(1|enabled=1)/.test(String(config["agent"] ?? ""));
}

/** Suspended to disk, a guest is off and locked until it is started or resumed. */
function isOnDisk({ config }: SimulatedGuest): boolean {
  return config["lock"] === "suspended";
}

function* toDisk(guest: SimulatedGuest): Script {
  yield* stop(guest, 1);
  guest.config["lock"] = "suspended";
}

function* reboot(world: SimulatedCluster, guest: SimulatedGuest, kind: Kind): Script {
  yield* shutDown(guest, 0.8);
  yield* start(world, guest, kind);
}

// biome-ignore lint/correctness/useYield: a script may end at once
function* pause(guest: SimulatedGuest, paused: boolean): Script {
  if (guest.run !== undefined) guest.run.paused = paused;
}

interface Action {
  readonly name: string;
  /** What follows `qm` or `vz` in the task's type, where it is not the action's name. */
  readonly task?: string;
  readonly does: string;
  readonly takes?: Parameters;
  /** Refused at once, not in the task, when the guest is off. */
  readonly running?: true;
  readonly script: (world: SimulatedCluster, guest: SimulatedGuest, kind: Kind, call: SimulatedCall) => Script;
}

const timeout = integer("Seconds to wait.", { minimum: 0, optional: 1 });
const skiplock = flag("Ignore a lock; only for root.", { optional: 1 });

const actions: readonly Action[] = [
  { name: "start", does: "Start", takes: { timeout, skiplock }, script: start },
  { name: "stop", does: "Stop hard", takes: { timeout, skiplock }, script: (_, guest) => stop(guest, 0.2) },
  {
    name: "shutdown",
    does: "Ask the guest's system to shut down",
    takes: { timeout, skiplock, forceStop: flag("Stop hard when the time is over.", { optional: 1 }) },
    script: (_, guest, __, call) => shutDown(guest, 1, call.params["forceStop"] === 1),
  },
  { name: "reboot", does: "Shut down and start again", takes: { timeout }, running: true, script: reboot },
  {
    name: "suspend",
    task: "pause",
    does: "Pause",
    takes: { skiplock, todisk: flag("Write the memory to disk and power off.", { optional: 1 }) },
    running: true,
    script: (_, guest, __, call) => (call.params["todisk"] === 1 ? toDisk(guest) : pause(guest, true)),
  },
  {
    name: "resume",
    does: "Resume after a pause",
    takes: { skiplock, nocheck: flag("Leave out a check of migrations.", { optional: 1 }) },
    running: true,
    script: (world, guest, kind) => (isOnDisk(guest) ? start(world, guest, kind) : pause(guest, false)),
  },
  { name: "reset", does: "Press the reset button", takes: { skiplock }, running: true, script: (w, g) => reset(w, g) },
];

// biome-ignore lint/correctness/useYield: a script may end at once
function* reset(world: SimulatedCluster, guest: SimulatedGuest): Script {
  if (guest.run !== undefined) guest.run = { ...guest.run, since: world.now() };
}

/** What a guest does now, and the buttons on its case. */
export function powerEndpoints(kind: Kind): readonly Endpoint[] {
  const path = `${kind.base}/{vmid}/status`;
  const current = get(`${path}/current`, {
    does: `What the ${kind.noun} does now.`,
    needs: on("/vms/{vmid}", "VM.Audit"),
    run: (call) => {
      const guest = guestOf(call, kind);
      const resource = resourceOf(call.world, guest);
      const ha = resource === undefined ? { managed: 0 } : { managed: 1, state: resource["state"] ?? "started" };
      const row = { ...listRow(call.world, guest), ha };
      return kind.type === "lxc" ? row : { ...row, ...virtualHardware(call.world, guest) };
    },
  });
  const offered = actions.filter(({ name }) => kind.type === "qemu" || name !== "reset");
  const buttons = offered.map(({ name, does, takes = {}, task, running, script }) =>
    post(`${path}/${name}`, {
      does: `${does}: a task.`,
      needs: on("/vms/{vmid}", "VM.PowerMgmt"),
      takes,
      gives: "string",
      run: (call) => {
        const guest = guestOf(call, kind);
        const { vmid } = guest;
        // Containers are looked at before the task starts, virtual machines mostly inside it.
        const wakes = name === "resume" && isOnDisk(guest);
        if (guest.run === undefined && !wakes && (running || (kind.type === "lxc" && name !== "start")))
          throw died(`${kind.label} ${vmid} not running`);
        if (guest.run !== undefined && kind.type === "lxc" && name === "start")
          throw died(`CT ${vmid} already running`);
        const named = kind.type === "qemu" && task !== undefined && call.params["todisk"] !== 1 ? task : name;
        return startTask(call, `${kind.task}${named}`, vmid, () => script(call.world, guest, kind, call));
      },
    }),
  );
  return [current, ...buttons];
}

const pressures = ["cpusome", "cpufull", "iosome", "iofull", "memorysome", "memoryfull"];

function virtualHardware(world: SimulatedCluster, guest: SimulatedGuest): Record<string, unknown> {
  const { run, config } = guest;
  const state = { qmpstatus: qmpStatus(guest), ...(hasAgent(guest) ? { agent: 1 } : {}) };
  if (run === undefined) return state;
  const { netin, netout } = guestLoad(world, guest);
  const cards = Object.keys(config).filter((key) => /^net\d+$/.test(key));
  const nics = Object.fromEntries(cards.map((card) => [`tap${guest.vmid}i${card.slice(3)}`, { netin, netout }]));
  const pressure = world.modern ? Object.fromEntries(pressures.map((it) => [`pressure${it}`, 0])) : {};
  return { ...state, nics, ...pressure };
}
