import { isIPv4, isIPv6 } from "node:net";
import { isPlain } from "./pattern.ts";

interface Format {
  readonly test: (value: string) => boolean;
  /** What is valid, for people: `a node name such as pve1`. */
  readonly valid: string;
}

/** Matches as Perl does, whose `$` also matches before a trailing newline. */
const like =
  (expression: RegExp) =>
  (value: string): boolean =>
    expression.test(value) || (value.endsWith("\n") && expression.test(value.slice(0, -1)));

const label = "[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?";
const storage = "[a-z][a-z0-9._-]*[a-z0-9]";
const realm = "[A-Za-z][A-Za-z0-9._-]+";
const user = `[^\\s:/]+@${realm}`;

const mailbox = "[\\w+~-]+(?:\\.[\\w+~-]+)*";
const mailHost = "[a-zA-Z0-9-]+(?:\\.[a-zA-Z0-9-]+)*";

const isIp = (value: string): boolean => isIPv4(value) || (isIPv6(value) && !value.includes("%"));
const isName = like(new RegExp(`^(?:${label}\\.)*${label}$`));
const isCidr = (value: string, isAddress: (address: string) => boolean, longest: number): boolean => {
  const [, address, bits] = /^([^/]+)\/(\d+)\n?$/.exec(value) ?? [];
  return address !== undefined && isAddress(address) && Number(bits) > 7 && Number(bits) <= longest;
};
const isCidr4 = (value: string): boolean => isCidr(value, isIPv4, 32);
const isCidr6 = (value: string): boolean => isCidr(value, isIPv6, 128);
const isMask = (value: string): boolean =>
  isIPv4(value) &&
  /^1*0*$/.test(
    value
      .split(".")
      .map((octet) => Number(octet).toString(2).padStart(8, "0"))
      .join(""),
  );
const isVlan = (value: string): boolean => {
  const [, first, last] = /^(\d+)(?:-(\d+))?\n?$/.exec(value) ?? [];
  return [first, last ?? first].every((tag) => tag !== undefined && Number(tag) >= 2 && Number(tag) <= 4094);
};

/**
 * The formats that are read here exactly as Proxmox 8.4 to 9.2 reads them, or more generously (pve-common's
 * PVE::JSONSchema, pve-access-control, pve-storage, pve-ha-manager). All others are left to Proxmox: they ask the node's
 * files (time zones, protocols), a plugin, or a library of Perl's.
 */
const formats: Readonly<Record<string, Format>> = {
  "pve-vmid": { test: like(/^[1-9][0-9]{2,8}$/), valid: "a VMID from 100 to 999999999" },
  "pve-node": { test: like(new RegExp(`^${label}$`)), valid: "a node's name: letters, digits and - inside" },
  "pve-configid": { test: like(/^[a-z][a-z0-9_-]+$/i), valid: "at least two of a-z, 0-9, _ and -, a letter first" },
  "pve-storage-id": {
    test: like(new RegExp(`^${storage}$`, "i")),
    valid: "a storage's id: at least two of a-z, 0-9, . _ and -, a letter first",
  },
  "pve-volume-id": { test: like(new RegExp(`^${storage}:.+$`, "i")), valid: "a volume id such as local:iso/x.iso" },
  "pve-bridge-id": { test: like(/^[-_.\w]+$/), valid: "a bridge's name such as vmbr0" },
  "pve-iface": {
    test: like(/^[a-z][a-z0-9_]{1,20}(?:[:.]\d+)?$/i),
    valid: "an interface's name such as eth0 or bond0.5",
  },
  "pve-vlan-id-or-range": { test: isVlan, valid: "a VLAN tag from 2 to 4094, or a range such as 2-100" },
  "pve-tag": { test: like(/^[a-z0-9_][a-z0-9_.+-]*$/i), valid: "tags of a-z, 0-9, _ - + and ." },
  "pve-userid": { test: like(new RegExp(`^${user}$`)), valid: "a user with realm such as root@pam" },
  "pve-tokenid": { test: like(new RegExp(`^${user}!${realm}$`)), valid: "an API token such as root@pam!name" },
  "pve-realm": { test: like(new RegExp(`^${realm}$`)), valid: "a realm such as pam or pve" },
  "pve-roleid": { test: like(/^[A-Za-z0-9._-]+$/), valid: "a role's name such as PVEAuditor" },
  "pve-poolid": {
    test: like(/^[A-Za-z0-9._-]+(?:\/[A-Za-z0-9._-]+){0,2}$/),
    valid: "a pool's name, at most three levels with / between",
  },
  "pve-ha-resource-id": { test: like(/^[a-z]+:\S+$/), valid: "an HA resource such as vm:100" },
  "pve-ha-resource-or-vm-id": { test: like(/^(?:[a-z]+:\S+|\d+)$/), valid: "an HA resource such as vm:100, or a VMID" },
  "pve-ha-node": { test: like(new RegExp(`^${label}(?::\\d+)?$`)), valid: "nodes such as pve1, with priority pve1:2" },
  "pve-task-status-type": { test: like(/^(?:ok|error|warning|unknown)$/i), valid: "ok, error, warning, unknown" },
  "pve-startup-order": {
    test: (value) => value.split(",").every(like(/^(?:\s*|(?:order=)?\d+|up=\d+|down=\d+)$/)),
    valid: "order=N,up=seconds,down=seconds",
  },
  "disk-size": { test: like(/^\d+(?:\.\d+)?(?:[KMGT](?:iB)?)?$/), valid: "a size such as 32G" },
  "mac-addr": {
    test: like(/^[a-f0-9][02468ace](?::[a-f0-9]{2}){5}$/i),
    valid: "a unicast MAC address such as BC:24:11:00:00:01",
  },
  "dns-name": { test: isName, valid: "a DNS name" },
  address: { test: (value) => trimmed(isIp)(value) || isName(value), valid: "an IP address or a DNS name" },
  "pve-storage-server": {
    test: (value) => trimmed(isIp)(value) || isName(value),
    valid: "an IP address or a DNS name",
  },
  ip: { test: trimmed(isIp), valid: "an IP address" },
  ipv4: { test: trimmed(isIPv4), valid: "an IPv4 address" },
  ipv6: { test: trimmed(isIPv6), valid: "an IPv6 address" },
  CIDR: { test: (value) => isCidr4(value) || isCidr6(value), valid: "a network such as 192.168.1.0/24" },
  CIDRv4: { test: isCidr4, valid: "an IPv4 network such as 192.168.1.0/24" },
  CIDRv6: { test: isCidr6, valid: "an IPv6 network such as fd00::/64" },
  "pve-ipv4-config": {
    test: (value) => isCidr4(value) || like(/^(?:dhcp|manual)$/)(value),
    valid: "dhcp, manual or an IPv4 address with its prefix such as 192.168.1.5/24",
  },
  "pve-ipv6-config": {
    test: (value) => isCidr6(value) || like(/^(?:auto|dhcp|manual)$/)(value),
    valid: "auto, dhcp, manual or an IPv6 address with its prefix such as fd00::5/64",
  },
  ipv4mask: { test: trimmed(isMask), valid: "a netmask such as 255.255.255.0" },
  "storage-pair": {
    test: like(new RegExp(`^(?:1|${storage}(?::${storage})?)$`, "i")),
    valid: "a storage for all, source:target, or 1 for the same",
  },
  "bridge-pair": {
    test: like(/^[-_.\w]+(?::[-_.\w]+)?$/),
    valid: "a bridge for all, source:target, or 1 for the same",
  },
  email: { test: like(new RegExp(`^${mailbox}@${mailHost}$`)), valid: "an email address" },
  "email-or-username": {
    test: like(new RegExp(`^${mailbox}(?:@${mailHost})?$`)),
    valid: "an email address or a user's name",
  },
  "ldap-simple-attr": { test: like(/^[a-zA-Z0-9]+$/), valid: "an LDAP attribute's name" },
  urlencoded: { test: like(/^[-%a-zA-Z0-9_.!~*'()]*$/), valid: "URL-encoded text" },
};

/**
 * Whether Proxmox may take `value` for the named format; `-list` means all that {@link splitList} gives, `-opt` that the
 * value may be empty or `0`. Formats that only Proxmox can judge are `true`, and so is text beyond printable ASCII.
 */
export function mayFit(name: string, value: string): boolean {
  const { format, kind } = lookUp(name);
  if (format === undefined) return true;
  if (kind === "opt" && (value === "" || value === "0")) return true;
  return (kind === "list" ? splitList(value) : [value]).every((item) => !isPlain(item) || format.test(item));
}

/** What is valid for the named format, for people; `undefined` when only Proxmox knows. */
export function formatWords(name: string): string | undefined {
  const { format, kind } = lookUp(name);
  return format === undefined ? undefined : kind === "list" ? `a list, each ${format.valid}` : format.valid;
}

/** The parts of a list as Proxmox splits it: at NUL when there is one, else at commas, semicolons and white space. */
export function splitList(value: string): readonly string[] {
  return value.split(value.includes("\0") ? "\0" : /[,;\s]+/).filter((item) => item !== "");
}

function lookUp(name: string): { readonly format: Format | undefined; readonly kind: string | undefined } {
  const kind = ["list", "opt"].find((it) => name.endsWith(`-${it}`));
  const base = kind === undefined ? name : name.slice(0, -kind.length - 1);
  return { format: Object.hasOwn(formats, base) ? formats[base] : undefined, kind };
}

function trimmed(test: (value: string) => boolean): (value: string) => boolean {
  return (value) => test(value.replace(/\n$/, ""));
}
