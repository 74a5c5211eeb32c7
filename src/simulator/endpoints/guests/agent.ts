import { on, onAny } from "../../access.ts";
import { type Endpoint, get, post, type SimulatedCall } from "../../endpoint.ts";
import { died } from "../../failure.ts";
import { integer, text } from "../../schema.ts";
import { guestOf, qemu } from "../../state/guest-kinds.ts";
import { nameOf, type SimulatedGuest, seconds } from "../../state/state.ts";

/** The guest whose agent answers; throws what Proxmox says when there is none to answer. */
function reached(call: SimulatedCall): SimulatedGuest {
  const guest = guestOf(call, qemu);
  if (guest.run === undefined) throw died(`VM ${guest.vmid} is not running`);
  if (!/^(1|enabled=1)/.test(String(guest.config["agent"] ?? ""))) throw died("No QEMU guest agent configured");
  return guest;
}

function exec(call: SimulatedCall): object {
  const { commands } = call.world;
  const { vmid } = reached(call);
  const pid = 1000 + (seconds(call.world) % 1000) + commands.size;
  commands.set(`${vmid}/${pid}`, call.text("command").split("\0"));
  return { pid };
}

/** A command of the simulated guest has always ended, and its output is what it was. */
function execStatus(call: SimulatedCall): object {
  const pid = call.number("pid");
  const command = call.world.commands.get(`${reached(call).vmid}/${pid}`);
  if (command === undefined) throw died(`Agent error: PID ${pid} does not exist`);
  return { exited: 1, exitcode: 0, "out-data": `${command.join(" ")}\n` };
}

const path = "/nodes/{node}/qemu/{vmid}/agent";
const unrestricted = on("/vms/{vmid}", "VM.GuestAgent.Unrestricted");
const ask = (privilege: string) => onAny("/vms/{vmid}", privilege, "VM.GuestAgent.Unrestricted");

/** What the agent inside a virtual machine does. */
export const agentEndpoints: readonly Endpoint[] = [
  get(`${path}/info`, {
    does: "The guest agent's version and commands.",
    needs: ask("VM.GuestAgent.Audit"),
    run: (call) => {
      reached(call);
      const supported_commands = [{ name: "guest-ping", enabled: true, "success-response": true }];
      return { result: { version: "9.2.0", supported_commands } };
    },
  }),
  post(`${path}/exec`, {
    does: "Run a command inside the guest.",
    needs: unrestricted,
    takes: {
      command: { type: "array", description: "The program and its arguments.", items: { type: "string" } },
      "input-data": text("What it reads.", { optional: 1, maxLength: 65536 }),
    },
    gives: "object",
    run: exec,
  }),
  get(`${path}/exec-status`, {
    does: "How a command inside the guest ended.",
    needs: unrestricted,
    takes: { pid: integer("The number that exec gave.") },
    run: execStatus,
  }),
  get(`${path}/file-read`, {
    does: "A file of the guest.",
    needs: ask("VM.GuestAgent.FileRead"),
    takes: { file: text("Its path.") },
    run: (call) => {
      const content = `${nameOf(reached(call))}\n`;
      return { content, "bytes-read": content.length };
    },
  }),
  post(`${path}/file-write`, {
    does: "Write a file of the guest.",
    needs: ask("VM.GuestAgent.FileWrite"),
    takes: { file: text("Its path."), content: text("What it holds.", { maxLength: 61440 }) },
    run: (call) => {
      reached(call);
    },
  }),
];
