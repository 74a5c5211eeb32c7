import fc from "fast-check";
import type { ApiEndpoint, Properties, Property } from "../../../src/apidoc/types.ts";
import type { ParamValue } from "../../../src/proxmox/params.ts";

/** A request that keeps to the schema. */
export interface Request {
  readonly pathValues: Record<string, string>;
  readonly params: Record<string, ParamValue>;
}

const isOn = (flag: unknown): boolean => flag === 1 || flag === "1" || flag === true;

/** Requests with all that an endpoint needs and, if `optional` says so, some of what it may have. */
export function requests({ template, parameters }: ApiEndpoint, optional: boolean): fc.Arbitrary<Request> {
  const inPath = [...template.matchAll(/\{([^}]+)\}/g)].map(([, name]) => name ?? "");
  const names = Object.keys(parameters);
  const needed = names.filter((name) => isNeeded(name, parameters[name] ?? {}));
  const spare = names.filter((name) => !needed.includes(name) && !inPath.includes(name));
  const types = names.flatMap((name) => parameters[name]?.oneOf ?? []).flatMap((it) => it["instance-types"] ?? []);
  return fc
    .record({
      chosen: optional ? fc.subarray(spare, { maxLength: Math.min(12, spare.length) }) : fc.constant<string[]>([]),
      number: fc.integer({ min: 0, max: 9 }),
      type: fc.constantFrom(...types, undefined),
    })
    .chain(({ chosen, number, type }) => {
      const given = withRequired(
        parameters,
        [...needed, ...chosen].filter((name) => !inPath.includes(name)),
      ).filter((name) => type !== undefined || parameters[name]?.oneOf === undefined);
      const typed = (name: string): fc.Arbitrary<ParamValue> => {
        const property = parameters[name] ?? {};
        if (type !== undefined && names.some((it) => parameters[it]?.["type-property"] === name))
          return fc.constant(type);
        return anyOf(
          property.oneOf?.find((it) => type !== undefined && it["instance-types"]?.includes(type)) ?? property,
        );
      };
      return fc.record({
        pathValues: record(inPath, (name) => textOf(parameters[name] ?? { type: "string" })),
        params: record(given, typed, (name) => name.replace("[n]", String(number))),
      });
    });
}

/** What depends on the value of another parameter is never needed in itself. */
export function isNeeded(name: string, { optional, "type-property": type }: Property): boolean {
  return !isOn(optional) && !name.endsWith("[n]") && type === undefined;
}

/** Some value that a parameter takes, in any of the forms that a client may send it. */
export function anyOf(property: Property): fc.Arbitrary<ParamValue> {
  const { type, items, format } = property;
  if (type === "boolean") return fc.constantFrom<ParamValue[]>(true, false, 0, 1, "0", "1");
  if (type === "integer" || type === "number") {
    return textOf(property).chain((text) => fc.constantFrom<ParamValue[]>(text, Number(text)));
  }
  // One "0" is falsy in Perl, which then does not make a list of it.
  const several = (one: Property) => fc.array(textOf(one), { minLength: 1, maxLength: 3 });
  if (type === "array") return several(items ?? { type: "string" });
  if (
    typeof format === "string" &&
    format.endsWith("-list") &&
    property.maxLength === undefined &&
    property.pattern === undefined
  ) {
    const list = several({ type: "string", format: format.replace(/-list$/, "") });
    return fc.oneof(
      list,
      list.chain((all) => fc.constantFrom(...[",", ";", " ", ", "].map((by) => all.join(by)))),
    );
  }
  return textOf(property);
}

function textOf(property: Property): fc.Arbitrary<string> {
  const { type, enum: values, format, pattern, minimum, maximum, minLength = 1, maxLength = 200 } = property;
  if (Array.isArray(values)) return fc.constantFrom(...values.map(String));
  if (type === "boolean") return fc.constantFrom("0", "1");
  if (type === "integer" && typeof format !== "object") {
    const min = minimum === undefined ? 0 : Number(minimum);
    return fc.integer({ min, max: Math.max(min, Math.min(Number(maximum ?? 2 ** 31 - 1), 2 ** 31 - 1)) }).map(String);
  }
  if (type === "number") {
    const min = Number(minimum ?? 0);
    return fc.double({ min, max: Number(maximum ?? min + 1e6), noNaN: true }).map(String);
  }
  if (typeof format === "object") return partsOf(format);
  if (pattern !== undefined) return patternOf(pattern, minLength, maxLength);
  const named = typeof format === "string" ? formatOf(format) : undefined;
  const fits = (text: string): boolean => text.length >= minLength && text.length <= maxLength;
  return (named ?? fc.string({ minLength, maxLength, unit: "grapheme-ascii" })).filter(fits);
}

/** Perl's way to print a compiled expression, and its `{,n}`, in JavaScript's. */
function patternOf(pattern: string, minLength: number, maxLength: number): fc.Arbitrary<string> {
  const source = pattern
    .replaceAll(/\(\?\^i?:/g, "(?:")
    .replaceAll("{,", "{0,")
    .replaceAll("\\0", "\\x00");
  return fc
    .stringMatching(new RegExp(`^(?:${source})$`))
    .filter((it) => it.length >= minLength && it.length <= maxLength);
}

/** A property string: every part that must be, some that may, sometimes by alias, sometimes without the name. */
function partsOf(format: Properties): fc.Arbitrary<string> {
  const names = Object.keys(format).filter((name) => format[name]?.alias === undefined);
  const needed = names.filter((name) => !isOn(format[name]?.optional));
  const spare = names.filter((name) => !needed.includes(name));
  return fc
    .record({
      chosen: fc.subarray(spare, { minLength: needed.length > 0 ? 0 : Math.min(1, spare.length) }),
      bare: fc.boolean(),
      aliased: fc.boolean(),
    })
    .chain(({ chosen, bare, aliased }) => {
      const given = withRequired(format, [...needed, ...chosen]);
      const value = (name: string) => textOf(format[name] ?? {}).filter((it) => /^[^,\n]*[^,\s][^,\n]*$/.test(it));
      return record(given, value).map((values) =>
        Object.entries(values)
          .map(([name, text]) => {
            const short = bare && isOn(format[name]?.default_key) && !text.includes("=");
            const other = Object.keys(format).find(
              (it) => format[it]?.alias === name && format[it]?.keyAlias === undefined,
            );
            if (format[name]?.type === "boolean" && aliased && !short) return `${name}=${text === "1" ? "on" : "No"}`;
            return short ? text : `${aliased && other !== undefined ? other : name}=${text}`;
          })
          .join(","),
      );
    });
}

const label = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,6}[a-z0-9])?$/);
const id = fc.stringMatching(/^[a-zA-Z][a-z0-9._-]{0,6}[a-z0-9]$/);
const cidr = (address: fc.Arbitrary<string>, max: number) =>
  fc.tuple(address, fc.integer({ min: 8, max })).map(([ip, bits]) => `${ip}/${bits}`);
const ip6 = fc.ipV6();
const user = fc.tuple(fc.stringMatching(/^[^\s:/,;]{1,8}$/), id).map(([name, realm]) => `${name}@${realm}`);

/** What Proxmox's named formats take, by their definitions in its sources; those that are not here take any text. */
const named: Readonly<Record<string, fc.Arbitrary<string>>> = {
  "pve-vmid": fc.integer({ min: 100, max: 999_999_999 }).map(String),
  "pve-node": label,
  "pve-configid": fc.stringMatching(/^[a-zA-Z][a-zA-Z0-9_-]{1,9}$/),
  "pve-storage-id": id,
  "pve-bridge-id": fc.stringMatching(/^[-_.\w\d]{1,12}$/),
  "pve-iface": fc.stringMatching(/^[a-z][a-z0-9_]{1,8}([:.]\d{1,3})?$/),
  "pve-volume-id": fc
    .tuple(id, fc.stringMatching(/^[a-z0-9/.-]{1,12}$/))
    .map(([storage, name]) => `${storage}:${name}`),
  "pve-userid": user,
  "pve-tokenid": fc.tuple(user, id).map(([owner, name]) => `${owner}!${name}`),
  "pve-realm": id,
  "pve-roleid": fc.stringMatching(/^[A-Za-z0-9._-]{1,12}$/),
  "pve-poolid": fc.stringMatching(/^[A-Za-z0-9._-]{1,5}(\/[A-Za-z0-9._-]{1,5}){0,2}$/),
  "pve-tag": fc.stringMatching(/^[a-z0-9_][a-z0-9_+.-]{0,8}$/),
  "pve-ha-resource-id": fc.stringMatching(/^(vm|ct):[1-9]\d{2}$/),
  "pve-ha-resource-or-vm-id": fc.stringMatching(/^((vm|ct):)?[1-9]\d{2}$/),
  "pve-ha-node": fc.stringMatching(/^[a-z]{1,6}(:\d{1,3})?$/),
  "pve-vlan-id-or-range": fc.constantFrom("2", "4094", "2-4094", "100"),
  "pve-task-status-type": fc.constantFrom("ok", "error", "warning", "unknown"),
  "pve-startup-order": fc.constantFrom("1", "order=2", "order=2,up=10,down=5", "up=3"),
  "disk-size": fc.stringMatching(/^\d{1,5}(\.\d{1,2})?[KMGT]?$/),
  "mac-addr": fc.stringMatching(/^[a-fA-F0-9][02468aceACE](:[a-fA-F0-9]{2}){5}$/),
  "dns-name": fc.array(label, { minLength: 1, maxLength: 3 }).map((labels) => labels.join(".")),
  address: fc.oneof(fc.ipV4(), ip6, label),
  "pve-storage-server": fc.oneof(fc.ipV4(), ip6, label),
  ip: fc.oneof(fc.ipV4(), ip6),
  ipv4: fc.ipV4(),
  ipv6: ip6,
  CIDR: fc.oneof(cidr(fc.ipV4(), 32), cidr(ip6, 128)),
  CIDRv4: cidr(fc.ipV4(), 32),
  CIDRv6: cidr(ip6, 128),
  "pve-ipv4-config": fc.oneof(fc.constantFrom("dhcp", "manual"), cidr(fc.ipV4(), 32)),
  "pve-ipv6-config": fc.oneof(fc.constantFrom("dhcp", "manual", "auto"), cidr(ip6, 128)),
  "ldap-simple-attr": fc.stringMatching(/^[a-zA-Z0-9]{1,12}$/),
  urlencoded: fc.webFragments().map((text) => encodeURIComponent(text) || "%20"),
  email: fc.constantFrom("admin@example.com", "a.b+c@x"),
  "email-or-username": fc.constantFrom("admin@example.com", "root"),
  ipv4mask: fc.constantFrom("255.255.255.0", "0.0.0.0", "255.255.254.0"),
  "storage-pair": fc.constantFrom("local", "local:other"),
  "bridge-pair": fc.constantFrom("vmbr0", "vmbr0:vmbr1"),
  "proxmox-remote": fc.constant("host=192.0.2.1,apitoken=x"),
  timezone: fc.constant("UTC"),
};

function formatOf(format: string): fc.Arbitrary<string> | undefined {
  const one = named[format.replace(/-(?:list|opt)$/, "")];
  return one !== undefined && format.endsWith("-list")
    ? fc.array(one, { minLength: 1, maxLength: 2 }).map((all) => all.join(","))
    : one;
}

function withRequired(properties: Properties, names: readonly string[]): readonly string[] {
  const all = new Set(names);
  for (const name of all) {
    const requires = properties[name]?.requires;
    if (requires !== undefined) all.add(requires);
  }
  return [...all];
}

function record<T>(
  names: readonly string[],
  value: (name: string) => fc.Arbitrary<T>,
  rename: (name: string) => string = (name) => name,
): fc.Arbitrary<Record<string, T>> {
  return fc
    .tuple(...names.map(value))
    .map((values) => Object.fromEntries(names.map((name, at) => [rename(name), values[at] as T])));
}
