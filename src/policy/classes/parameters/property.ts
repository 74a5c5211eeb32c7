import type { Params } from "../../../proxmox/params.ts";
import { textsOf } from "../values.ts";

/** Keys of a guest's configuration that hold a volume. */
export const diskKey = /^(?:scsi|virtio|sata|ide|mp|unused)\d+$|^(?:rootfs|efidisk0|tpmstate0)$/;

/** Whether a parameter of such a name has such a value; of a list any. */
export function anyText(params: Params, name: RegExp, fits: (text: string) => boolean): boolean {
  return textsOf(params).some(([key, text]) => name.test(key) && fits(text));
}

/** Whether any part of a property string (`virtio,bridge=vmbr0`) fits. */
export function anyPart(text: string, fits: (part: string) => boolean): boolean {
  return text.split(",").some((part) => fits(part.trim()));
}

/** Whether a property string says yes to a key. */
export function saysYes(text: string, key: string): boolean {
  return anyPart(text, (part) => new RegExp(`^${key}=(?:1|on|yes|true)$`, "i").test(part));
}

/** Whether a property string says no to a key. */
export function saysNo(text: string, key: string): boolean {
  return anyPart(text, (part) => new RegExp(`^${key}=(?:0|off|no|false)$`, "i").test(part));
}

/** The volumes that a disk's property string names: Proxmox lets the default key stand anywhere, with its name or without. */
export function volumesOf(text: string): readonly string[] {
  return text
    .split(",")
    .map((part) => part.trim())
    .flatMap((part) => /^(?:(?:file|volume)=)?([^=]+)$/.exec(part)?.[1] ?? []);
}
