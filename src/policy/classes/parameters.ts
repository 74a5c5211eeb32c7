import type { Params } from "../../proxmox/params.ts";
import type { CallClass } from "./row.ts";
import { isOff, isOn, textsOf, wordsOf } from "./values.ts";

/** A parameter that makes a request more than its endpoint is. */
export interface ParameterRule {
  readonly name: string;
  /** Patterns over method and template, as `allow` and `deny` have them. */
  readonly on: readonly string[];
  /** Whether the parameters are of this kind. */
  readonly when: (params: Params) => boolean;
  readonly class: CallClass;
  readonly irreversible?: true;
  readonly reason: string;
}

const guest = "/nodes/{node}/{type}/{vmid}";
const creation = ["POST /nodes/{node}/qemu", "POST /nodes/{node}/lxc"];
const config = [`PUT ${guest}/config`, `POST ${guest}/config`];
const settings = [...creation, ...config];
const backups = ["POST /nodes/{node}/vzdump", "POST /cluster/backup", "PUT /cluster/backup/{id}"];

/** Keys of a guest's configuration that hold a volume. */
const diskKey = /^(?:scsi|virtio|sata|ide|mp|unused)\d+$|^(?:rootfs|efidisk0|tpmstate0)$/;

/** The first part of a property string, with or without the name of its default key. */
function volumeOf(text: string): string {
  return (text.split(",")[0] ?? "").replace(/^(?:file|volume)=/, "").trim();
}

function anyText(params: Params, name: RegExp, fits: (text: string) => boolean): boolean {
  return textsOf(params).some(([key, text]) => name.test(key) && fits(text));
}

/** In the order in which they are told where several hold: what cannot be undone first. */
export const parameterRules: readonly ParameterRule[] = [
  {
    name: "create-force",
    on: creation,
    when: (params) => isOn(params, "force"),
    class: "destructive",
    irreversible: true,
    reason: "it overwrites the guest that has this VMID, with all its disks",
  },
  {
    name: "config-delete-volume",
    on: config,
    when: (params) =>
      wordsOf(params, "delete").some((key) => /^unused\d+$/.test(key) || (diskKey.test(key) && isOn(params, "force"))),
    class: "destructive",
    irreversible: true,
    reason: "it deletes volumes of the guest",
  },
  {
    name: "unlink-force",
    on: [`PUT ${guest}/unlink`],
    when: (params) => isOn(params, "force") || wordsOf(params, "idlist").some((key) => /^unused\d+$/.test(key)),
    class: "destructive",
    irreversible: true,
    reason: "it deletes volumes of the guest",
  },
  {
    name: "move-delete",
    on: [`POST ${guest}/move_disk`, `POST ${guest}/move_volume`],
    when: (params) => isOn(params, "delete"),
    class: "destructive",
    irreversible: true,
    reason: "it deletes the volume at its old place",
  },
  {
    name: "config-template",
    on: settings,
    when: (params) => isOn(params, "template"),
    class: "destructive",
    irreversible: true,
    reason: "it makes the guest a template, which cannot be turned back",
  },
  {
    name: "backup-prune",
    on: backups,
    when: (params) => isOn(params, "remove") || isOn(params, "prune-backups") || isOn(params, "maxfiles"),
    class: "destructive",
    irreversible: true,
    reason: "it deletes older backups",
  },
  {
    name: "backup-script",
    on: backups,
    when: (params) => Object.hasOwn(params, "script"),
    class: "destructive",
    irreversible: true,
    reason: "it runs a program of its own on the node",
  },
  {
    name: "backup-stop",
    on: ["POST /nodes/{node}/vzdump"],
    when: (params) => anyText(params, /^mode$/, (text) => text === "stop") || isOn(params, "stop"),
    class: "destructive",
    reason: "it stops guests, or the backups that run",
  },
  {
    name: "config-delete",
    on: config,
    when: (params) => Object.hasOwn(params, "delete"),
    class: "destructive",
    reason: "it takes settings or disks away from the guest",
  },
  {
    name: "settings-delete",
    on: ["PUT /**"],
    when: (params) => isOn(params, "delete"),
    class: "destructive",
    reason: "it takes settings away",
  },
  {
    name: "disk-none",
    on: config,
    when: (params) =>
      anyText(params, diskKey, (text) => volumeOf(text) === "none" && !/(?:^|,)media=cdrom\b/.test(text)),
    class: "destructive",
    reason: "it takes a disk away from the guest",
  },
  {
    name: "resize-absolute",
    on: [`PUT ${guest}/resize`],
    when: (params) => anyText(params, /^size$/, (text) => !text.trim().startsWith("+")),
    class: "destructive",
    reason: "it sets a size that may be below the present one",
  },
  {
    name: "host-program",
    on: settings,
    when: (params) => ["args", "hookscript", "cicustom"].some((name) => Object.hasOwn(params, name)),
    class: "destructive",
    reason: "it lets the guest's settings run something of their own: on the node, or in the guest at its next start",
  },
  {
    name: "host-path",
    on: settings,
    when: (params) =>
      anyText(params, diskKey, (text) => volumeOf(text).startsWith("/") || /(?:^|,)import-from=/.test(text)) ||
      Object.keys(params).some((name) => name.startsWith("lxc.") || name === "lxc"),
    class: "destructive",
    reason: "it gives the guest a path of the node, or a copy of another volume",
  },
  {
    name: "host-device",
    on: settings,
    when: (params) =>
      anyText(params, /^(?:hostpci|parallel|dev|virtiofs)\d+$/, () => true) ||
      anyText(params, /^serial\d+$/, (text) => text !== "socket") ||
      anyText(params, /^usb\d+$/, (text) => !/^(?:host=)?spice\b/i.test(text)),
    class: "destructive",
    reason: "it gives the guest a device or a directory of the node",
  },
  {
    name: "container-rights",
    on: settings,
    when: (params) =>
      isOff(params, "unprivileged") ||
      anyText(params, /^features$/, (text) => text.split(",").some((part) => part !== "" && !/^nesting=/.test(part))),
    class: "destructive",
    reason: "it gives the container more rights on the node",
  },
  {
    name: "protection-off",
    on: [...config, "PUT /nodes/{node}/storage/{storage}/content/{volume}"],
    when: (params) => isOff(params, "protection") || isOff(params, "protected"),
    class: "destructive",
    reason: "it takes Proxmox's own protection off",
  },
  {
    name: "card-firewall-off",
    on: settings,
    when: (params) => anyText(params, /^net\d+$/, (text) => /(?:^|,)firewall=(?:0|off|no|false)\b/i.test(text)),
    class: "destructive",
    reason: "it switches the firewall of a network card off",
  },
  {
    name: "firewall-off",
    on: ["PUT /**/firewall/options"],
    when: (params) =>
      ["enable", "macfilter", "ipfilter", "ebtables"].some((name) => isOff(params, name)) ||
      anyText(params, /^policy_(?:in|out|forward)$/, (text) => text.toUpperCase() === "ACCEPT"),
    class: "destructive",
    reason: "it switches a firewall, or a part of it, off",
  },
  {
    name: "rule-off",
    on: ["PUT /**/firewall/rules/{pos}", "PUT /cluster/firewall/groups/{group}/{pos}"],
    when: (params) => isOff(params, "enable"),
    class: "destructive",
    reason: "it switches a rule of a firewall off",
  },
  {
    name: "ha-stop",
    on: ["POST /cluster/ha/resources", "PUT /cluster/ha/resources/{sid}"],
    when: (params) => anyText(params, /^state$/, (text) => /^(?:stopped|disabled|ignored)$/i.test(text)),
    class: "destructive",
    reason: "it makes HA stop the guest, or look away from it",
  },
  {
    name: "unverified-download",
    on: ["POST /nodes/{node}/storage/{storage}/download-url"],
    when: (params) => isOff(params, "verify-certificates"),
    class: "destructive",
    reason: "it makes the node take a file from whoever answers",
  },
  {
    name: "skiplock",
    on: ["POST /**", "PUT /**", "DELETE /**"],
    when: (params) => isOn(params, "skiplock") || isOn(params, "skip-lock"),
    class: "destructive",
    reason: "it goes past the lock that a running task holds",
  },
  {
    name: "lock",
    on: config,
    when: (params) => Object.hasOwn(params, "lock"),
    class: "destructive",
    reason: "it sets the lock that tasks hold",
  },
  {
    name: "force",
    on: ["POST /**", "PUT /**", "DELETE /**"],
    when: (params) => ["force", "forceStop", "force-stop", "overrule-shutdown"].some((name) => isOn(params, name)),
    class: "destructive",
    reason: "it goes past what Proxmox checks, or takes the power away",
  },
  {
    name: "purge",
    on: ["POST /**", "PUT /**", "DELETE /**"],
    when: (params) => isOn(params, "purge"),
    class: "destructive",
    reason: "it removes what else belongs to the thing: jobs, rules, rights",
  },
];
