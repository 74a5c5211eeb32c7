import { isSet } from "../endpoint.ts";
import type { Properties } from "../types.ts";

/** The parts of a property string by name, or why Proxmox could not read it. */
export type Parts =
  | { readonly parts: ReadonlyMap<string, string>; readonly wrong?: never }
  | { readonly wrong: { readonly problem: string; readonly part?: string }; readonly parts?: never };

/**
 * Reads a property string such as `virtio=BC:24:11:00:00:01,bridge=vmbr0`, as PVE::JSONSchema::parse_property_string
 * does: one part may stand without its name, aliases give the value to the part they name (and their own name to the
 * part of `keyAlias`), truth values may be words. Never throws.
 */
export function parsePropertyString(format: Properties, text: string): Parts {
  const parts = new Map<string, string>();
  const nameless = Object.keys(format).find((name) => isSet(format[name]?.default_key));
  let namelessUsed = false;
  for (const piece of piecesOf(text)) {
    if (/^\s*$/.test(piece)) continue;
    const [, left, right] = /^([^=]+)=([^\n]+)\n?$/.exec(piece) ?? [];
    if (left !== undefined && right !== undefined) {
      if (parts.has(left)) return fault("is given twice", left);
      const { alias, keyAlias } = own(format, left) ?? {};
      if (alias !== undefined && keyAlias !== undefined) {
        if (parts.has(keyAlias)) return fault(`is given twice: "${left}=" says it too`, keyAlias);
        parts.set(keyAlias, left);
      }
      const name = alias ?? left;
      if (own(format, name) === undefined) return fault("is no part of it", left);
      parts.set(name, truth(format, name, right));
    } else if (!piece.includes("=")) {
      if (nameless === undefined) return fault("has a part without a name");
      // Perl takes "0" for not set, so that only then a second value passes.
      if (namelessUsed || (parts.get(nameless) ?? "0") !== "0") return fault("is given twice", nameless);
      namelessUsed = true;
      parts.set(nameless, truth(format, nameless, piece));
    } else {
      return fault('has a part that is not of the form "name=value"');
    }
  }
  return { parts };
}

/** Yields the comma-separated pieces lazily: a caller may send a million of them. */
function* piecesOf(text: string): Generator<string> {
  let start = 0;
  for (let end = text.indexOf(","); end >= 0; end = text.indexOf(",", start)) {
    yield text.slice(start, end);
    start = end + 1;
  }
  yield text.slice(start);
}

function own(format: Properties, name: string) {
  return Object.hasOwn(format, name) ? format[name] : undefined;
}

function truth(format: Properties, name: string, value: string): string {
  if (own(format, name)?.type !== "boolean") return value;
  if (/^(?:1|on|yes|true)\n?$/i.test(value)) return "1";
  return /^(?:0|off|no|false)\n?$/i.test(value) ? "0" : value;
}

function fault(problem: string, part?: string): Parts {
  return { wrong: { problem, ...(part === undefined ? {} : { part }) } };
}
