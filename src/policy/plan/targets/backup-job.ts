import { isOff, isOn, wordsOf } from "../../endpoint-classes/values.ts";
import type { Context, Describer } from "../describer.ts";
import type { Row } from "../facts.ts";
import { textIn, yes } from "../look.ts";
import { nameText, valueText } from "../wording.ts";
import { type Omitted, objectDescriber, settingText } from "./object.ts";

/** `/cluster/backup/{id}`: which guests, when, what is kept. */
export const describeBackupJob = objectDescriber({
  noun: "backup job",
  except: ["next-run"],
  omitted: otherSelection,
  removal: (row) =>
    row === undefined
      ? {}
      : {
          effect: [
            `${guestsText(row)} no longer backed up by it`,
            scheduleText(row),
            ...(textIn(row["storage"]) === undefined ? [] : [`to ${nameText(String(row["storage"]))}`]),
          ],
          details: ["Existing backups stay."],
        },
  change: (row, { params }) => ({
    effect: [
      ...(isOff(params, "enabled") && row !== undefined && yes(row["enabled"] ?? 1) ? ["switches the job off"] : []),
      ...(row === undefined ? [] : [`backs up ${guestsText(row)} now`]),
    ],
  }),
});

/** A job backs up named guests, all, or a pool: Proxmox clears the other ways (`update_job` of PVE::API2::Backup). */
function otherSelection(row: Row | undefined, { params }: Context): Omitted {
  if (params["vmid"] !== undefined) return { all: undefined, exclude: undefined, pool: undefined };
  if (isOn(params, "all")) return { vmid: undefined, pool: undefined };
  const pool = params["pool"] ?? (wordsOf(params, "delete").includes("pool") ? undefined : row?.["pool"]);
  return pool === undefined ? {} : { vmid: undefined, all: undefined, exclude: undefined };
}

/** `GET .../replication/{id}` objects: the copies of a guest's disks on another node. */
export const describeReplication = objectDescriber({
  noun: "replication job",
  removal: (row, { params }) => ({
    effect: [
      ...(row === undefined
        ? []
        : [`guest ${nameText(String(row["guest"] ?? ""))} to node ${nameText(String(row["target"] ?? ""))}`]),
      isOn(params, "keep") ? "keeps the copies" : "deletes the copies on the target",
    ],
  }),
});

/** `POST /nodes/{node}/vzdump` and `POST /cluster/backup`, where they prune, stop guests or run a script. */
export const describeBackupRun: Describer = async (context) => {
  const { params, path, values, planned } = context;
  const isJob = path[0] === "cluster";
  const prune = params["prune-backups"] ?? params["maxfiles"];
  const prunes = isOn(params, "remove") || prune !== undefined;
  return {
    action: isJob
      ? `CREATE backup job ${nameText(String(params["id"] ?? ""))}`.trimEnd()
      : `BACK UP on node ${nameText(values["node"] ?? "")}`,
    undo: isJob ? { how: "by deleting it" } : { caveat: "backups that retention removes are lost" },
    effect: [
      ...(prunes
        ? [
            prune === undefined
              ? "deletes older backups"
              : `deletes older backups beyond ${valueText(settingText(context, "prune-backups", prune))}`,
          ]
        : []),
      ...(params["mode"] === "stop" ? ["shuts each running guest down while it is backed up"] : []),
      ...(isOn(params, "stop") ? ["stops the backups that run"] : []),
      ...(params["script"] === undefined ? [] : ["runs a script on the node"]),
    ],
    words: [values["node"] ?? planned.cluster.name],
    told: ["id"],
    paraphrased: [...(params["mode"] === "stop" ? ["mode"] : []), ...(isOn(params, "stop") ? ["stop"] : [])],
    explains: ["backup-stop", "backup-prune"],
  };
};

function guestsText(row: Row): string {
  const pool = textIn(row["pool"]);
  const vmids = textIn(row["vmid"]);
  const without = textIn(row["exclude"]);
  if (yes(row["all"])) return `all guests${without === undefined ? "" : ` but ${nameText(without, 60)}`}`;
  if (pool !== undefined) return `pool ${nameText(pool)}`;
  return vmids === undefined ? "its guests" : `guests ${valueText(vmids, 60)}`;
}

function scheduleText(row: Row): string {
  const schedule = textIn(row["schedule"]);
  const when = schedule === undefined ? "no schedule" : `runs ${valueText(schedule, 40)}`;
  return yes(row["enabled"] ?? 1) ? when : `${when}, switched off`;
}
