import { anyone, mayAny, on } from "../../access.ts";
import { del, type Endpoint, get, post, put, type SimulatedCall } from "../../endpoint.ts";
import { refused } from "../../failure.ts";
import { choice, flag, integer, list, optional, type Parameters, text } from "../../schema.ts";
import type { Interface, Interfaces } from "../../state/network.ts";
import { findNode, words } from "../../state/state.ts";
import { startTask } from "./task.ts";

const networkOf = (call: SimulatedCall): Interfaces => findNode(call.world, call.node).network;

/** A copy of the interfaces as they are to be, for a change; what is written waits until it is applied. */
function draft(call: SimulatedCall): Map<string, Interface> {
  const network = networkOf(call);
  const changed = new Map(network.changed ?? network.active);
  network.changed = changed;
  return changed;
}

function find(call: SimulatedCall): Interface {
  const { active, changed } = networkOf(call);
  const found = (changed ?? active).get(call.text("iface"));
  if (found === undefined) throw refused({ iface: "interface does not exist" });
  return found;
}

/** What the call says about an interface, with `cidr` split as Proxmox stores it. */
function given(call: SimulatedCall): Interface {
  const { node: _, iface: __, delete: ___, ...rest } = call.params;
  return { ...rest, ...split(call, ""), ...split(call, "6") };
}

function split(call: SimulatedCall, suffix: "" | "6"): Interface {
  const [cidr, address, netmask] = /^([^/]+)\/(\d+)$/.exec(call.text(`cidr${suffix}`)) ?? [];
  if (cidr === undefined || address === undefined || netmask === undefined) return {};
  return { [`cidr${suffix}`]: cidr, [`address${suffix}`]: address, [`netmask${suffix}`]: netmask };
}

/**
 * Methods and address families, which Proxmox sets by what the call says alone (`update_network` of pve-manager); the
 * addresses of a family that is not there are not written to the file.
 */
function withFamilies(old: Interface, wanted: Interface): Interface {
  const [has, has6] = [wanted["address"] !== undefined, wanted["address6"] !== undefined];
  const families = [...(has || !has6 ? ["inet"] : []), ...(has6 ? ["inet6"] : [])];
  const gone = [...(has || !has6 ? [] : [""]), ...(has6 ? [] : ["6"])].flatMap((suffix) =>
    ["cidr", "address", "netmask", "gateway"].map((key) => `${key}${suffix}`),
  );
  const kept = Object.entries({ ...old, ...wanted }).filter(([key]) => !gone.includes(key));
  const [method, method6] = [has, has6].map((it) => (it ? "static" : "manual")) as [string, string];
  return { ...Object.fromEntries(kept), method, method6, families };
}

/** Throws the 400 for a second gateway, and for a port that another bridge or bond has. */
function verify(call: SimulatedCall, wanted: Interface): void {
  const { active, changed } = networkOf(call);
  const ports = (of: Interface): string[] => words(`${of["bridge_ports"] ?? ""} ${of["slaves"] ?? ""}`);
  for (const [name, other] of changed ?? active) {
    if (name === call.text("iface")) continue;
    if (wanted["gateway"] !== undefined && other["gateway"] !== undefined)
      throw refused({ gateway: `Default gateway already exists on interface '${name}'.` });
    const used = ports(wanted).find((port) => ports(other).includes(port));
    const parameter = wanted["bridge_ports"] === undefined ? "slaves" : "bridge_ports";
    if (used !== undefined) throw refused({ [parameter]: `${used} is already used on interface '${name}'.` });
  }
}

function create(call: SimulatedCall): void {
  const { active, changed } = networkOf(call);
  const iface = call.text("iface");
  if ((changed ?? active).has(iface)) throw refused({ iface: "interface already exists" });
  const wanted = given(call);
  verify(call, wanted);
  draft(call).set(iface, { ...withFamilies({}, wanted), priority: 5 });
}

function update(call: SimulatedCall): void {
  const old = find(call);
  const wanted = given(call);
  verify(call, wanted);
  const gone = words(call.text("delete")).flatMap((key) => {
    const [, suffix] = /^cidr(6?)$/.exec(key) ?? [];
    return suffix === undefined ? [key] : ["cidr", "address", "netmask"].map((part) => `${part}${suffix}`);
  });
  const kept = Object.fromEntries(Object.entries(old).filter(([key]) => !gone.includes(key)));
  draft(call).set(call.text("iface"), withFamilies(kept, wanted));
}

/** The changes as Proxmox shows them, line by line. */
function difference({ active, changed }: Interfaces): string | undefined {
  if (changed === undefined) return undefined;
  const lines = (of: ReadonlyMap<string, Interface>): string[] =>
    [...of].flatMap(([name, it]) => Object.entries(it).map(([key, value]) => `${name} ${key} ${value}`));
  const [old, fresh] = [lines(active), lines(changed)];
  const less = old.filter((line) => !fresh.includes(line)).map((line) => `-${line}`);
  const more = fresh.filter((line) => !old.includes(line)).map((line) => `+${line}`);
  return [...less, ...more].join("\n");
}

/** Bridges are listed to those who may use them only (`can_access_vnet` of pve-manager). */
function shown({ world, who }: SimulatedCall, name: string, { type }: Interface): boolean {
  if (type !== "bridge" && type !== "OVSBridge") return true;
  return mayAny(world, who, `/sdn/zones/localnetwork/${name}`, "SDN.Audit", "SDN.Use");
}

const kinds = ["bridge", "bond", "eth", "alias", "vlan", "OVSBridge", "OVSBond", "OVSPort", "OVSIntPort", "unknown"];
const settings: Parameters = {
  type: choice("Its kind.", kinds),
  ...optional({
    address: text("The IPv4 address."),
    address6: text("The IPv6 address."),
    autostart: flag("Bring it up when the node boots."),
    bond_mode: text("How a bond shares its ports."),
    bridge_ports: text("The ports of a bridge."),
    bridge_vlan_aware: flag("The bridge knows VLANs."),
    cidr: text("Address and prefix, `192.0.2.1/24`."),
    cidr6: text("IPv6 address and prefix, `2001:db8::1/64`."),
    comments: text("A note."),
    gateway: text("The default gateway."),
    gateway6: text("The default IPv6 gateway."),
    mtu: integer("The MTU.", { minimum: 1280, maximum: 65520 }),
    netmask: text("The netmask."),
    netmask6: integer("The IPv6 prefix.", { minimum: 0, maximum: 128 }),
    slaves: text("The ports of a bond."),
    "vlan-id": integer("The VLAN.", { minimum: 1, maximum: 4094 }),
    "vlan-raw-device": text("The interface below a VLAN."),
  }),
};
const modify = on("/nodes/{node}", "Sys.Modify");
const path = "/nodes/{node}/network";

/** A node's network: changes wait in `interfaces.new` until they are applied or reverted. */
export const networkEndpoints: readonly Endpoint[] = [
  get(path, {
    does: "The node's network interfaces, with changes that wait.",
    needs: anyone,
    takes: optional({ type: text("Only this type.") }),
    gives: "array",
    run: (call) => {
      const network = networkOf(call);
      const changes = difference(network);
      if (changes !== undefined) call.extra["changes"] = changes;
      const fits = (it: Interface): boolean => {
        const type = call.text("type");
        if (/^any(_local)?_bridge$/.test(type)) return /^(OVSB|b)ridge$/.test(String(it["type"]));
        return type === "" || it["type"] === type;
      };
      const rows = [...(network.changed ?? network.active)].filter(([name, it]) => fits(it) && shown(call, name, it));
      return rows.map(([iface, it]) => ({ iface, ...it }));
    },
  }),
  post(path, {
    does: "Define a network interface; it waits to be applied.",
    needs: modify,
    takes: { iface: text("Its name.", { minLength: 2, maxLength: 20 }), ...settings },
    run: create,
  }),
  put(path, {
    does: "Apply the changes that wait: a task.",
    needs: modify,
    gives: "string",
    run: (call) =>
      startTask(call, "srvreload", "networking", function* () {
        yield 0.2;
        const network = networkOf(call);
        network.active = network.changed ?? network.active;
        network.changed = undefined;
      }),
  }),
  del(path, {
    does: "Drop the changes that wait.",
    needs: modify,
    run: (call) => {
      networkOf(call).changed = undefined;
    },
  }),
  get(`${path}/{iface}`, {
    does: "A network interface.",
    needs: on("/nodes/{node}", "Sys.Audit"),
    run: find,
  }),
  put(`${path}/{iface}`, {
    does: "Change a network interface; the change waits to be applied.",
    needs: modify,
    takes: { ...settings, delete: list("Settings to remove.", { optional: 1 }) },
    run: update,
  }),
  del(`${path}/{iface}`, {
    does: "Remove a network interface; the change waits to be applied.",
    needs: modify,
    run: (call) => {
      find(call);
      draft(call).delete(call.text("iface"));
    },
  }),
];
