import type { Describer } from "../describer.ts";
import { refuseUnread } from "../guest-state.ts";
import { rowsIn, textIn } from "../look.ts";
import { listText, nameText, sizeText } from "../wording.ts";

/** `PUT /nodes/{node}/disks/wipedisk`, `POST .../disks/{lvm, zfs, ...}` and `DELETE .../disks/{kind}/{name}`. */
export const describeHostDisk: Describer = async (context) => {
  const { method, path, params, values, look, facts, planned } = context;
  const node = nameText(values["node"] ?? "");
  const kind = nameText(path[3] ?? "");
  if (method === "DELETE") {
    const name = values["name"] ?? "";
    return {
      action: `DELETE ${kind} ${nameText(name)} of node ${node}`,
      effect: [planned.classified.reason.replace(/^it /, "")],
      words: [name],
    };
  }
  const devices = [params["disk"], params["device"], params["devices"]]
    .flat()
    .flatMap((value) => String(value ?? "").split(/[,;\s]/))
    .filter((device) => device !== "");
  const seen = await look(["nodes", values["node"] ?? "", "disks", "list"], { "include-partitions": 1 });
  const disks = rowsIn(seen);
  if (disks === undefined)
    refuseUnread(planned, seen, "The token needs Sys.Audit on the node, and the node must answer.");
  const byPath = new Map(disks?.map((disk) => [disk["devpath"], disk]));
  const texts = devices.map((device) => {
    const disk = byPath.get(device);
    if (disk === undefined) {
      const why = disks === undefined ? "not readable" : "not in the list of disks";
      facts.add(device, why);
      return `${nameText(device)}: ${why}`;
    }
    facts.addObject(disk, {
      prefix: `${device} `,
      only: ["devpath", "serial", "size", "model", "used", "wwn", "gpt", "osdid"],
    });
    const use = textIn(disk["used"]);
    return [
      nameText(device),
      sizeText(disk["size"]) ?? "size not known",
      ...(textIn(disk["model"]) === undefined ? [] : [nameText(String(disk["model"]), 40)]),
      use === undefined ? "not in use" : `IN USE: ${nameText(use, 40)}`,
    ].join(" ");
  });
  return {
    action: `${path[3] === "wipedisk" ? "WIPE" : `OVERWRITE for ${kind}`} ${listText(
      devices.map((device) => nameText(device)),
      3,
    )} of node ${node}`,
    effect: texts,
    words: [devices[0] ?? "", values["node"] ?? ""].filter((word) => word !== ""),
    told: ["disk", "device", "devices"],
  };
};
