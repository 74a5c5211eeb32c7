import { isOff, isOn } from "../values.ts";
import { anyText, saysNo, saysYes } from "./property.ts";
import { config, type ParameterRule, settings } from "./rule.ts";

/** Lists of firewall rules, and single rules in them. */
const anyList = ["/**/firewall/rules", "/cluster/firewall/groups/{group}"];
const anyRule = ["/**/firewall/rules/{pos}", "/cluster/firewall/groups/{group}/{pos}"];

/** Those that hold for hosts: of the cluster with its security groups, and of a node. */
const hosts = ["/cluster/firewall", "/nodes/{node}/firewall"];
const hostList = [...hosts.map((path) => `${path}/rules`), "/cluster/firewall/groups/{group}"];
const hostRule = [...hosts.map((path) => `${path}/rules/{pos}`), "/cluster/firewall/groups/{group}/{pos}"];

/** Options that block something while they are on. */
const protections = ["enable", "macfilter", "ipfilter", "ebtables", "nosmurfs", "tcpflags", "protection_synflood"];

const firewallOff: ParameterRule = {
  name: "firewall-off",
  on: ["PUT /**/firewall/options"],
  when: (params) =>
    protections.some((name) => isOff(params, name)) ||
    isOn(params, "nf_conntrack_allow_invalid") ||
    anyText(params, /^policy_(?:in|out|forward)$/, (text) => text.toUpperCase() === "ACCEPT"),
  class: "destructive",
  reason: "it turns off a firewall or one of its protections",
};

const ruleOff: ParameterRule = {
  name: "rule-off",
  on: anyRule.map((path) => `PUT ${path}`),
  when: (params) => isOff(params, "enable"),
  class: "destructive",
  reason: "it disables a firewall rule",
};

const ruleAccept: ParameterRule = {
  name: "rule-accept",
  on: [...anyList.map((path) => `POST ${path}`), ...anyRule.map((path) => `PUT ${path}`)],
  when: (params) => anyText(params, /^action$/, (text) => /^accept$/i.test(text.trim())),
  class: "destructive",
  reason: "it accepts traffic that the firewall may otherwise block",
};

/** The rule that cannot see whether the guest has the card yet: a plan leaves its reason out for a new card. */
export const cardWithoutFirewall = "card-without-firewall";

/** What makes a firewall block less. For hosts it opens a way to them, so it needs a code there. */
export const firewallRules: readonly ParameterRule[] = [
  {
    name: "card-firewall-off",
    on: settings,
    when: (params) => anyText(params, /^net\d+$/, (text) => saysNo(text, "firewall")),
    class: "destructive",
    reason: "it turns off the firewall of a network card",
  },
  {
    // A card is always written as a whole, and without the flag it has no firewall.
    name: cardWithoutFirewall,
    on: config,
    when: (params) => anyText(params, /^net\d+$/, (text) => !saysYes(text, "firewall")),
    class: "destructive",
    reason: "it sets a network card without the firewall flag",
  },
  { ...firewallOff, on: hosts.map((path) => `PUT ${path}/options`), codeRequired: true },
  firewallOff,
  { ...ruleOff, on: hostRule.map((path) => `PUT ${path}`), codeRequired: true },
  ruleOff,
  {
    ...ruleAccept,
    on: [...hostList.map((path) => `POST ${path}`), ...hostRule.map((path) => `PUT ${path}`)],
    codeRequired: true,
  },
  ruleAccept,
];
