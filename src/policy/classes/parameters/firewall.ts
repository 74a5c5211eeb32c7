import { isOff, isOn } from "../values.ts";
import { anyText, saysNo, saysYes } from "./property.ts";
import { config, type ParameterRule, settings } from "./rule.ts";

/** Where the rules of a firewall are. */
const rules = [
  { list: "/**/firewall/rules", one: "/**/firewall/rules/{pos}" },
  { list: "/cluster/firewall/groups/{group}", one: "/cluster/firewall/groups/{group}/{pos}" },
];

/** Options that hold something back while they are on. */
const parts = ["enable", "macfilter", "ipfilter", "ebtables", "nosmurfs", "tcpflags", "protection_synflood"];

/** What a firewall holds back no more. */
export const firewallRules: readonly ParameterRule[] = [
  {
    name: "card-firewall-off",
    on: settings,
    when: (params) => anyText(params, /^net\d+$/, (text) => saysNo(text, "firewall")),
    class: "destructive",
    reason: "it switches the firewall of a network card off",
  },
  {
    // A card is always written whole, and without the word it has no firewall.
    name: "card-without-firewall",
    on: config,
    when: (params) => anyText(params, /^net\d+$/, (text) => !saysYes(text, "firewall")),
    class: "destructive",
    reason: "it leaves a network card without the firewall, which it may have had (firewall=1)",
  },
  {
    name: "firewall-off",
    on: ["PUT /**/firewall/options"],
    when: (params) =>
      parts.some((name) => isOff(params, name)) ||
      isOn(params, "nf_conntrack_allow_invalid") ||
      anyText(params, /^policy_(?:in|out|forward)$/, (text) => text.toUpperCase() === "ACCEPT"),
    class: "destructive",
    reason: "it switches a firewall, or a part of it, off",
  },
  {
    name: "rule-off",
    on: rules.map(({ one }) => `PUT ${one}`),
    when: (params) => isOff(params, "enable"),
    class: "destructive",
    reason: "it switches a rule of a firewall off",
  },
  {
    name: "rule-accept",
    on: rules.flatMap(({ list, one }) => [`POST ${list}`, `PUT ${one}`]),
    when: (params) => anyText(params, /^action$/, (text) => /^accept$/i.test(text.trim())),
    class: "destructive",
    reason: "it lets through what the firewall held back",
  },
];
