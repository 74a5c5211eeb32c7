import { randomUUID } from "node:crypto";
import { demand, on } from "../../access.ts";
import { del, type Endpoint, get, post, put, type SimulatedCall } from "../../endpoint.ts";
import { died, type Failure, forbidden, refused } from "../../failure.ts";
import { choice, flag, list, optional, type Parameters, text, type Value } from "../../schema.ts";
import { type SimulatedCluster, seconds, words } from "../../state/state.ts";

type Job = Record<string, Value>;

/** The job as answers show it: a property string is an object there. */
function shown(job: Job): Record<string, unknown> {
  const prune = job["prune-backups"];
  if (prune === undefined) return { ...job, type: "vzdump" };
  const parts = String(prune)
    .split(",")
    .map((part) => part.split("="));
  return { ...job, type: "vzdump", "prune-backups": Object.fromEntries(parts) };
}

/** When the job runs next: every day at the hour of its schedule, UTC. */
function nextRun(world: SimulatedCluster, job: Job): number {
  const day = 86400;
  const [, hour = 0, minute = 0] = /(\d{1,2}):(\d\d)$/.exec(String(job["schedule"])) ?? [];
  const at = Math.floor(seconds(world) / day) * day + Number(hour) * 3600 + Number(minute) * 60;
  return at > seconds(world) ? at : at + day;
}

const indexOf = ({ world, text: param }: SimulatedCall): number =>
  world.jobs.findIndex((job) => job["id"] === param("id"));

function find(call: SimulatedCall): Job {
  const job = call.world.jobs[indexOf(call)];
  if (job === undefined) throw refused({ id: `No such job '${call.text("id")}'` });
  return job;
}

function given(call: SimulatedCall): Job {
  const { id: _, delete: __, vmid, ...rest } = call.params;
  return vmid === undefined ? rest : { ...rest, vmid: words(String(vmid)).join(",") };
}

/** The pool that the call names exists, and the caller may back its guests up. */
function checkPool({ world, who, text: param }: SimulatedCall): void {
  const pool = param("pool");
  if (pool === "") return;
  if (!world.pools.has(pool)) throw forbidden(`(pool '${pool}' does not exist)`);
  demand(world, who, `/pool/${pool}`, "VM.Backup");
}

/** Throws for a job that covers nothing, or guests in two ways (`verify_vzdump_parameters` of pve-manager). */
function verified(job: Job): Job {
  const { vmid, exclude, pool } = job;
  const full = exclude !== undefined && pool === undefined ? { ...job, all: 1 } : job;
  const other = (["all", "exclude", "pool"] as const).find((key) => full[key] !== undefined && full[key] !== 0);
  if (vmid !== undefined && other !== undefined) throw inLock(other, "option conflicts with option 'vmid'");
  if (vmid === undefined && full["all"] !== 1 && pool === undefined) throw inLock("vmid", "property is missing");
  return full;
}

/** A 400 that Proxmox throws while it holds a lock comes out as a 500 with its text (recorded for DELETE). */
const inLock = (parameter: string, text: string): Failure =>
  died(`400 Parameter verification failed.\n${parameter}: ${text}`);

function create(call: SimulatedCall): void {
  const { world } = call;
  checkPool(call);
  const id = call.text("id") || `backup-${randomUUID()}`;
  if (world.jobs.some((job) => job["id"] === id)) throw died(`Job '${id}' already exists`);
  if (call.params["schedule"] === undefined) throw refused({ schedule: "neither 'starttime' nor 'schedule' were set" });
  world.jobs.push(verified({ id, enabled: 1, ...given(call) }));
}

function update(call: SimulatedCall): void {
  checkPool(call);
  const gone = words(call.text("delete"));
  const wanted = given(call);
  if (gone.length === 0 && Object.keys(wanted).length === 0) throw died("no options specified");
  const index = indexOf(call);
  const job = call.world.jobs[index];
  if (job === undefined) throw died("no such vzdump job");
  // What it covers is one of three: named guests, a pool, or all.
  if (wanted["vmid"] !== undefined) gone.push("all", "exclude", "pool");
  else if (wanted["all"] === 1) gone.push("vmid", "pool");
  else if (wanted["pool"] !== undefined) gone.push("vmid", "all", "exclude");
  const kept = Object.fromEntries(Object.entries(job).filter(([key]) => !gone.includes(key)));
  call.world.jobs[index] = verified({ ...kept, ...wanted });
}

/** Takes a guest out of all jobs; a job that named only this guest is gone (recorded, `alpha-purge.json`). */
export function dropFromJobs({ jobs }: SimulatedCluster, vmid: number): void {
  for (const job of [...jobs]) {
    const named = words(String(job["vmid"] ?? ""));
    if (!named.includes(String(vmid))) continue;
    const rest = named.filter((it) => it !== String(vmid));
    if (rest.length === 0) jobs.splice(jobs.indexOf(job), 1);
    else job["vmid"] = rest.join(",");
  }
}

const settings: Parameters = optional({
  all: flag("Every guest."),
  comment: text("A note.", { maxLength: 512 }),
  compress: choice("The compression.", ["0", "1", "gzip", "lzo", "zstd"]),
  enabled: flag("Whether it runs.", { default: 1 }),
  exclude: list("Guests to leave out of `all`."),
  mailto: list("Who gets mail."),
  mode: choice("How running guests are treated.", ["snapshot", "suspend", "stop"], { default: "snapshot" }),
  node: text("Only on this node.", { format: "pve-node" }),
  "notes-template": text("The backups' note."),
  pool: text("Every guest of this pool.", { format: "pve-poolid" }),
  "prune-backups": text("How many backups are kept, `keep-last=3`."),
  schedule: text("When, as a calendar event."),
  storage: text("Where the backups go.", { format: "pve-storage-id" }),
  vmid: list("The guests."),
});
const audit = on("/", "Sys.Audit");
const modify = on("/", "Sys.Modify");

/** Backup jobs of the datacenter. */
export const backupJobEndpoints: readonly Endpoint[] = [
  get("/cluster/backup", {
    does: "The backup jobs.",
    needs: audit,
    gives: "array",
    rows: "kept",
    run: ({ world }) => world.jobs.map((job) => ({ ...shown(job), "next-run": nextRun(world, job) })),
  }),
  post("/cluster/backup", {
    does: "Create a backup job.",
    needs: modify,
    takes: { id: text("Its id.", { format: "pve-configid", maxLength: 50, optional: 1 }), ...settings },
    run: create,
  }),
  get("/cluster/backup/{id}", {
    does: "A backup job.",
    needs: audit,
    run: (call) => shown(find(call)),
  }),
  put("/cluster/backup/{id}", {
    does: "Change a backup job.",
    needs: modify,
    takes: { ...settings, delete: list("Settings to remove.", { optional: 1 }) },
    run: update,
  }),
  del("/cluster/backup/{id}", {
    does: "Delete a backup job.",
    needs: modify,
    run: (call) => {
      if (indexOf(call) < 0) throw inLock("id", `No such job '${call.text("id")}'`);
      call.world.jobs.splice(indexOf(call), 1);
    },
  }),
];
