import type { Params, ParamValue } from "../../proxmox/params.ts";

/** Whether a parameter is given and does not say no: what cannot be read counts as yes. */
export function isOn(params: Params, name: string): boolean {
  return Object.hasOwn(params, name) && !isNo(params[name]);
}

/** Whether a parameter is given and says no. */
export function isOff(params: Params, name: string): boolean {
  return Object.hasOwn(params, name) && isNo(params[name]);
}

/** Proxmox takes 1, on, yes, true and 0, off, no, false in any letters (PVE::JSONSchema). */
function isNo(value: ParamValue | undefined): boolean {
  return /^(?:0|off|no|false)$/i.test(String(value));
}

/** The words of a parameter that holds a list: a real one, or a text with the separators that Proxmox takes. */
export function wordsOf(params: Params, name: string): readonly string[] {
  if (!Object.hasOwn(params, name)) return [];
  return [params[name]]
    .flat()
    .flatMap((value) => String(value).split(/[,;\s\0]+/))
    .filter((word) => word !== "");
}

/** Every name and text of the parameters, a list's items one by one. */
export function textsOf(params: Params): readonly (readonly [name: string, text: string])[] {
  return Object.entries(params).flatMap(([name, value]) => [value].flat().map((item) => [name, String(item)] as const));
}
