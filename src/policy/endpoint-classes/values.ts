import type { Params, ParamValue } from "../../proxmox/params.ts";

/** Whether a parameter is given and is not false; an unreadable value counts as true. */
export function isOn(params: Params, name: string): boolean {
  return Object.hasOwn(params, name) && !isNo(params[name]);
}

/** Whether a parameter is given and is false. */
export function isOff(params: Params, name: string): boolean {
  return Object.hasOwn(params, name) && isNo(params[name]);
}

/** Proxmox accepts 1, on, yes, true and 0, off, no, false in any letter case (PVE::JSONSchema). */
function isNo(value: ParamValue | undefined): boolean {
  return /^(?:0|off|no|false)$/i.test(String(value));
}

/** The words of a list parameter: an array, or a text with the separators that Proxmox accepts. */
export function wordsOf(params: Params, name: string): readonly string[] {
  if (!Object.hasOwn(params, name)) return [];
  return [params[name]]
    .flat()
    .flatMap((value) => String(value).split(/[,;\s\0]+/))
    .filter((word) => word !== "");
}

/** Every parameter as name and text; an array gives one pair per item. */
export function textsOf(params: Params): readonly (readonly [name: string, text: string])[] {
  return Object.entries(params).flatMap(([name, value]) => [value].flat().map((item) => [name, String(item)] as const));
}

/** Whether parameters set any of these names, or unset one through a `delete` list. */
export function setsAny(params: Params, names: readonly string[]): boolean {
  const unset = wordsOf(params, "delete");
  return names.some((name) => Object.hasOwn(params, name) || unset.includes(name));
}
