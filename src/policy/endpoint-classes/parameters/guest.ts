import { isOff, isOn, wordsOf } from "../values.ts";
import { anyPart, anyText, diskKey, propertiesOf, saysNo, saysYes, volumesOf } from "./property.ts";
import { config, guest, type ParameterRule, settings } from "./rule.ts";

/** Whether a USB device is only a client's, redirected by SPICE. */
function isSpiceOnly(text: string): boolean {
  const parts = propertiesOf(text);
  return (
    parts.some(([key]) => key === undefined || key === "host") &&
    parts.every(([key, value]) => key === "usb3" || ((key === undefined || key === "host") && /^spice$/i.test(value)))
  );
}

/** What destroys a guest or its disks, or opens a way between guest and host or into the guest. */
export const guestRules: readonly ParameterRule[] = [
  {
    name: "create-force",
    on: ["POST /nodes/{node}/qemu", "POST /nodes/{node}/lxc"],
    when: (params) => isOn(params, "force"),
    class: "destructive",
    irreversible: true,
    reason: "it overwrites the existing guest with this VMID and its disks",
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
    // The data is at its new place, and a disk with snapshots is refused (PVE::API2::Qemu, move_disk).
    codeRequired: true,
    reason: "it deletes the source volume after the move",
  },
  {
    name: "remote-migrate-delete",
    on: [`POST ${guest}/remote_migrate`],
    when: (params) => isOn(params, "delete"),
    class: "destructive",
    irreversible: true,
    reason: "it migrates the guest to another cluster and deletes the source guest",
  },
  {
    name: "config-template",
    on: settings,
    when: (params) => isOn(params, "template"),
    class: "destructive",
    // Here it only sets the flag (measured on 9.2), and template=0 clears it.
    codeRequired: true,
    reason: "it marks the guest as a template; a template cannot start",
  },
  {
    name: "config-delete",
    on: config,
    when: (params) => Object.hasOwn(params, "delete"),
    class: "destructive",
    reason: "it removes settings of the guest or detaches disks",
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
    reason: "it detaches a disk from the guest",
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
    reason: "it sets a disk option that loses writes at shutdown or on power failure",
  },
  {
    name: "disk-without-backup",
    on: config,
    when: (params) => anyText(params, diskKey, (text) => saysNo(text, "backup")),
    class: "destructive",
    reason: "it excludes a disk from the guest's backups",
  },
  {
    name: "move-away",
    on: [`POST ${guest}/move_disk`, `POST ${guest}/move_volume`],
    when: (params) => Object.hasOwn(params, "target-vmid"),
    class: "destructive",
    reason: "it reassigns a disk to another guest",
  },
  {
    name: "resize-absolute",
    on: [`PUT ${guest}/resize`],
    when: (params) => anyText(params, /^size$/, (text) => !text.trim().startsWith("+")),
    class: "destructive",
    // No call shrinks a disk, and an absolute size may be far more than was meant.
    irreversible: true,
    reason: "it resizes a disk to an absolute size",
  },
  {
    name: "host-program",
    on: settings,
    when: (params) => ["args", "hookscript", "cicustom"].some((name) => Object.hasOwn(params, name)),
    class: "destructive",
    codeRequired: true,
    reason: "it sets args, hookscript or cicustom, which can run programs on the node or in the guest",
  },
  {
    name: "guest-access",
    on: config,
    when: (params) => ["cipassword", "ciuser", "sshkeys", "entrypoint"].some((name) => Object.hasOwn(params, name)),
    class: "destructive",
    codeRequired: true,
    reason: "it changes the guest's login credentials or entrypoint at its next start",
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
    codeRequired: true,
    reason: "it attaches a host path to the guest or imports another volume",
  },
  {
    name: "host-device",
    on: settings,
    when: (params) =>
      anyText(params, /^(?:hostpci|parallel|dev|virtiofs)\d+$/, () => true) ||
      anyText(params, /^serial\d+$/, (text) => text !== "socket") ||
      anyText(params, /^usb\d+$/, (text) => !isSpiceOnly(text)),
    class: "destructive",
    codeRequired: true,
    reason: "it passes a host device or directory through to the guest",
  },
  {
    name: "container-rights",
    on: settings,
    when: (params) =>
      isOff(params, "unprivileged") ||
      anyText(params, /^features$/, (text) => text.split(",").some((part) => part !== "" && !/^nesting=/.test(part))),
    class: "destructive",
    codeRequired: true,
    reason: "it makes the container privileged or enables features with access to the host",
  },
  {
    name: "protection-off",
    on: [...config, "PUT /nodes/{node}/storage/{storage}/content/{volume}"],
    when: (params) => isOff(params, "protection") || isOff(params, "protected"),
    class: "destructive",
    reason: "it turns off Proxmox's deletion protection",
  },
  {
    name: "lock",
    on: config,
    when: (params) => Object.hasOwn(params, "lock"),
    class: "destructive",
    reason: "it sets a lock on the guest, which blocks other operations",
  },
];
