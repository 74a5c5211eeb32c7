import { isOff, isOn, wordsOf } from "../values.ts";
import { anyPart, anyText, diskKey, saysNo, saysYes, volumesOf } from "./property.ts";
import { config, guest, type ParameterRule, settings } from "./rule.ts";

/** What loses a guest or its disks, or opens a way out of it to the node, or into it. */
export const guestRules: readonly ParameterRule[] = [
  {
    name: "create-force",
    on: ["POST /nodes/{node}/qemu", "POST /nodes/{node}/lxc"],
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
    name: "config-delete",
    on: config,
    when: (params) => Object.hasOwn(params, "delete"),
    class: "destructive",
    reason: "it takes settings or disks away from the guest",
  },
  {
    name: "disk-none",
    on: config,
    when: (params) =>
      anyText(
        params,
        diskKey,
        (text) => volumesOf(text).includes("none") && !anyPart(text, (part) => part === "media=cdrom"),
      ),
    class: "destructive",
    reason: "it takes a disk away from the guest",
  },
  {
    name: "disk-volatile",
    on: settings,
    when: (params) =>
      anyText(
        params,
        diskKey,
        (text) => saysYes(text, "snapshot") || anyPart(text, (part) => /^cache=unsafe$/i.test(part)),
      ),
    class: "destructive",
    reason: "it makes a disk lose what is written to it: at the guest's shutdown, or when the power fails",
  },
  {
    name: "disk-without-backup",
    on: config,
    when: (params) => anyText(params, diskKey, (text) => saysNo(text, "backup")),
    class: "destructive",
    reason: "it leaves a disk out of the guest's backups",
  },
  {
    name: "move-away",
    on: [`POST ${guest}/move_disk`, `POST ${guest}/move_volume`],
    when: (params) => Object.hasOwn(params, "target-vmid"),
    class: "destructive",
    reason: "it takes a disk away from the guest and gives it to another",
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
    name: "guest-access",
    on: config,
    when: (params) => ["cipassword", "ciuser", "sshkeys", "entrypoint"].some((name) => Object.hasOwn(params, name)),
    class: "destructive",
    reason: "it changes who gets into the guest, or what it runs, at its next start",
  },
  {
    name: "host-path",
    on: settings,
    when: (params) =>
      anyText(
        params,
        diskKey,
        (text) =>
          volumesOf(text).some((volume) => volume.startsWith("/")) ||
          anyPart(text, (part) => part.startsWith("import-from=")),
      ) || Object.keys(params).some((name) => name.startsWith("lxc.") || name === "lxc"),
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
    name: "lock",
    on: config,
    when: (params) => Object.hasOwn(params, "lock"),
    class: "destructive",
    reason: "it sets the lock that tasks hold",
  },
];
