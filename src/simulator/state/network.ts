import type { Value } from "../schema.ts";

/** One interface as `/etc/network/interfaces` holds it. */
export type Interface = Record<string, Value | readonly string[]>;

/** A node's interfaces: in effect, and with the changes that wait to be applied. */
export interface Interfaces {
  active: ReadonlyMap<string, Interface>;
  /** `interfaces.new`; undefined when nothing waits. */
  changed: ReadonlyMap<string, Interface> | undefined;
}

/** One bridge on one port. */
export function interfaces(ip: string): Interfaces {
  const port = {
    type: "eth",
    method: "manual",
    method6: "manual",
    active: 1,
    families: ["inet"],
    priority: 3,
  };
  const bridge = {
    type: "bridge",
    method: "static",
    method6: "manual",
    active: 1,
    autostart: 1,
    address: ip,
    netmask: "24",
    cidr: `${ip}/24`,
    gateway: "192.0.2.1",
    bridge_ports: "eno1",
    bridge_stp: "off",
    bridge_fd: "0",
    comments: "main bridge\n",
    families: ["inet"],
    priority: 4,
  };
  return {
    active: new Map<string, Interface>([
      ["eno1", port],
      ["vmbr0", bridge],
    ]),
    changed: undefined,
  };
}
