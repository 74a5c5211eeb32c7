import type { Params, ParamValue } from "../../proxmox/params.ts";

/**
 * A parameter's value as Proxmox reads it from a query or a form: text, or several texts when the name is repeated. A
 * list of one is no list there.
 */
export type Value = string | readonly string[];

/** The values of a request as Proxmox will read them. */
export function readValues(params: Params): Map<string, Value> {
  return new Map(Object.entries(params).map(([name, value]) => [name, readValue(value)]));
}

function readValue(value: ParamValue): Value {
  const texts = (typeof value === "object" ? value : [value]).map((item) =>
    typeof item === "boolean" ? (item ? "1" : "0") : String(item),
  );
  return texts.length === 1 ? (texts[0] ?? "") : texts;
}
