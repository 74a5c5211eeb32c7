import { on } from "../../access.ts";
import { type Endpoint, get, post, type SimulatedCall } from "../../endpoint.ts";
import { choice, integer, optional, text } from "../../schema.ts";
import { findNode, type Node, seconds } from "../../state/state.ts";
import { startTask } from "./task.ts";

const running = ["corosync", "pve-cluster", "pvedaemon", "pveproxy", "pvestatd"];
const idle = ["chrony", "cron", "postfix", "pve-firewall", "pve-ha-crm", "pve-ha-lrm", "pvescheduler", "sshd"];
const names = [...running, ...idle].sort();
/** Services that Proxmox does not stop. */
const essential = ["pve-cluster", "pvedaemon", "pveproxy"];

function row(node: Node, name: string): object {
  const active = running.includes(name) && !node.stopped.has(name);
  return {
    name,
    service: name,
    desc: `${name} service`,
    state: active ? "running" : "dead",
    "active-state": active ? "active" : "inactive",
    "unit-state": "enabled",
  };
}

const own = (call: SimulatedCall): Node => findNode(call.world, call.node);

/** Runs a command on a service in a task, as systemd would. */
function command(call: SimulatedCall, name: "start" | "stop" | "restart" | "reload"): string {
  const service = call.text("service");
  return startTask(call, `srv${name}`, service, function* () {
    if (name === "stop" && essential.includes(service))
      throw new Error(`invalid service cmd '${service} stop': refusing to stop essential service!`);
    yield 0.1;
    if (name === "stop") own(call).stopped.add(service);
    else own(call).stopped.delete(service);
  });
}

const line = (t: string, index: number): object => ({ n: index + 1, t });

/** What the node's journal holds: that its proxy started, and what services wrote since. */
function journal(call: SimulatedCall): string[] {
  const booted = `${call.node} systemd[1]: Started pveproxy.service - PVE API Proxy Server.`;
  return [booted, ...own(call).journal];
}

const service = choice("The service.", names);
const path = "/nodes/{node}/services";
const audit = on("/nodes/{node}", "Sys.Audit");
const modify = on("/nodes/{node}", "Sys.Modify");
const syslog = on("/nodes/{node}", "Sys.Syslog");

/** A node's services, and what they wrote to its journal. */
export const nodeServiceEndpoints: readonly Endpoint[] = [
  get(path, {
    does: "The node's services.",
    needs: audit,
    gives: "array",
    rows: "kept",
    run: (call) => names.map((name) => row(own(call), name)),
  }),
  get(`${path}/{service}/state`, {
    does: "A service's state.",
    needs: audit,
    takes: { service },
    run: (call) => row(own(call), call.text("service")),
  }),
  ...(["start", "stop", "restart", "reload"] as const).map((name) =>
    post(`${path}/{service}/${name}`, {
      does: `${name} a service: a task.`,
      needs: modify,
      takes: { service },
      gives: "string",
      run: (call) => command(call, name),
    }),
  ),
  get("/nodes/{node}/syslog", {
    does: "The node's system log, line by line.",
    needs: syslog,
    takes: optional({
      limit: integer("How many lines.", { minimum: 0 }),
      service: text("Only this service's lines.", { maxLength: 128 }),
      since: text("Only lines since this date."),
      start: integer("How many to skip.", { minimum: 0 }),
      until: text("Only lines until this date."),
    }),
    gives: "array",
    rows: "kept",
    run: (call) => {
      const lines = journal(call).map(line);
      call.extra["total"] = lines.length;
      const start = call.number("start");
      return lines.slice(start, start + (call.number("limit") || lines.length));
    },
  }),
  get("/nodes/{node}/journal", {
    does: "The node's journal: a cursor, the lines, a cursor.",
    needs: syslog,
    takes: optional({
      endcursor: text("Only lines before this cursor."),
      lastentries: integer("Only so many of the newest lines.", { minimum: 0 }),
      since: integer("Only lines since, in seconds since 1970.", { minimum: 0 }),
      startcursor: text("Only lines after this cursor."),
      until: integer("Only lines until, in seconds since 1970.", { minimum: 0 }),
    }),
    gives: "array",
    rows: "kept",
    run: (call) => {
      const lines = journal(call);
      const last = call.params["lastentries"] === undefined ? lines.length : call.number("lastentries");
      const cursor = (at: number): string =>
        `s=${"0".repeat(32)};i=${at.toString(16)};t=${seconds(call.world).toString(16)}`;
      const from = Math.max(0, lines.length - last);
      return [cursor(from), ...lines.slice(from), cursor(lines.length)];
    },
  }),
];
