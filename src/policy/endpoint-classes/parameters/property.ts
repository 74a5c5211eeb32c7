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

const yes = ["1", "on", "yes", "true"];
const no = ["0", "off", "no", "false"];

/** Whether a property string says yes to a key. */
export function saysYes(text: string, key: string): boolean {
  return says(text, key, yes);
}

/** Whether a property string says no to a key. */
export function saysNo(text: string, key: string): boolean {
  return says(text, key, no);
}

function says(text: string, key: string, values: readonly string[]): boolean {
  const parts = values.map((value) => `${key}=${value}`);
  return anyPart(text, (part) => parts.includes(part.toLowerCase()));
}

/**
 * The parts of a property string as PVE::JSONSchema::parse_property_string splits them: at commas, each at its first `=`.
 * What is before it is a key only where it reads like one; any other part is a value of the default key, which may stand
 * anywhere.
 */
export function propertiesOf(text: string): readonly (readonly [key: string | undefined, value: string])[] {
  return text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "")
    .map((part) => {
      const at = part.indexOf("=");
      const key = part.slice(0, Math.max(at, 0)).trim();
      return /^[a-z][\w-]*$/i.test(key) ? [key, part.slice(at + 1).trim()] : [undefined, part];
    });
}

/** The volumes that a disk's property string names, by the default key's name or without. */
export function volumesOf(text: string): readonly string[] {
  return propertiesOf(text).flatMap(([key, value]) =>
    key === undefined || key === "file" || key === "volume" ? [value] : [],
  );
}
