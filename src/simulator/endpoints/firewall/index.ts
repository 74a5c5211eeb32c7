import { on } from "../../access.ts";
import { type Endpoint, get, put } from "../../endpoint.ts";
import { choice, flag, integer, list, optional, type Parameters, text } from "../../schema.ts";
import { digest, unmodified } from "../../state/digest.ts";
import { guestOf, type Kind, lxc, qemu } from "../../state/guest-kinds.ts";
import { words } from "../../state/state.ts";
import { aliasEndpoints } from "./aliases.ts";
import { ipsetEndpoints } from "./ipsets.ts";
import { changedFirewall, firewallAt, type Place, ruleEndpoints } from "./rules.ts";

const policies = ["ACCEPT", "REJECT", "DROP"];
const levels = ["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug", "nolog"];

const policy: Parameters = {
  policy_in: choice("What happens to traffic that comes in.", policies),
  policy_out: choice("What happens to traffic that goes out.", policies),
};
const logging: Parameters = {
  log_level_in: choice("How incoming traffic is logged.", levels),
  log_level_out: choice("How outgoing traffic is logged.", levels),
};

const cluster: Place = {
  path: "/cluster/firewall",
  audit: on("/", "Sys.Audit"),
  modify: on("/", "Sys.Modify"),
  // A number and not a flag, so that 2 is taken, too (recorded, `alpha-firewall.json`).
  options: {
    enable: integer("Whether the firewall is on.", { minimum: 0 }),
    ebtables: flag("Also filter frames.", { default: 1 }),
    ...policy,
  },
  key: () => "cluster",
};

const node: Place = {
  path: "/nodes/{node}/firewall",
  audit: on("/nodes/{node}", "Sys.Audit"),
  modify: on("/nodes/{node}", "Sys.Modify"),
  options: {
    enable: flag("Whether the firewall is on."),
    ndp: flag("Let neighbour discovery pass.", { default: 1 }),
    nftables: flag("Use nftables."),
    ...logging,
  },
  key: (call) => `node/${call.node}`,
};

const guest = (kind: Kind): Place => ({
  path: `${kind.base}/{vmid}/firewall`,
  audit: on("/vms/{vmid}", "VM.Audit"),
  modify: on("/vms/{vmid}", "VM.Config.Network"),
  options: {
    dhcp: flag("Let DHCP pass."),
    enable: flag("Whether the firewall is on."),
    ipfilter: flag("Only the guest's own addresses."),
    macfilter: flag("Only the guest's own MAC addresses.", { default: 1 }),
    ndp: flag("Let neighbour discovery pass."),
    radv: flag("Let router advertisements pass."),
    ...logging,
    ...policy,
  },
  key: (call) => `guest/${guestOf(call, kind).vmid}`,
});

function optionEndpoints({ path, audit, modify, options, key }: Place): readonly Endpoint[] {
  return [
    get(`${path}/options`, {
      does: "The firewall's settings.",
      needs: audit,
      run: (call) => {
        const { options: set } = firewallAt(call.world, key(call));
        return { ...set, digest: digest(set) };
      },
    }),
    put(`${path}/options`, {
      does: "Change the firewall's settings.",
      needs: modify,
      takes: optional({
        ...options,
        delete: list("Settings to remove."),
        digest: text("Refuse when the settings have another digest.", { maxLength: 64 }),
      }),
      run: (call) => {
        const { node: _, vmid: __, delete: ___, digest: given = "", ...wanted } = call.params;
        unmodified(String(given), digest(firewallAt(call.world, key(call)).options));
        const file = changedFirewall(call.world, key(call));
        const gone = words(call.text("delete"));
        const kept = Object.entries(file.options).filter(([name]) => !gone.includes(name));
        file.options = { ...Object.fromEntries(kept), ...wanted };
      },
    }),
  ];
}

const guests = [guest(qemu), guest(lxc)];

/** The firewall of the cluster, its nodes and its guests. */
export const firewallEndpoints: readonly Endpoint[] = [
  ...[cluster, node, ...guests].flatMap((place) => [...optionEndpoints(place), ...ruleEndpoints(place)]),
  ...[cluster, ...guests].flatMap((place) => [...aliasEndpoints(place), ...ipsetEndpoints(place)]),
];
