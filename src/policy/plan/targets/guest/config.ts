import type { Params } from "../../../../proxmox/params.ts";
import { diskKey, saysYes } from "../../../classes/parameters/property.ts";
import { isOn, wordsOf } from "../../../classes/values.ts";
import { holdsSecret, maskValue } from "../../../mask.ts";
import type { Describer } from "../../describer.ts";
import { canonical, type Row } from "../../facts.ts";
import { diskOf, diskText, type GuestState, quotedNames, readTarget, refuseProtected } from "../../guest-state.ts";
import { decoded, formLine, nameText, valueText } from "../../wording.ts";

/** Parameters of the call itself, which are no settings of the guest. */
const controls: ReadonlySet<string> = new Set([
  "background_delay",
  "delete",
  "digest",
  "force",
  "import-working-storage",
  "revert",
  "skiplock",
]);

/** The longest value that is told beside the old one, in characters. */
const longest = 60;

/** `PUT .../config`: each setting that the request sets or deletes, old and new. */
export const describeGuestConfig: Describer = async (context) => {
  const { params, noEffect } = context;
  const state = await readTarget(context);
  const { config, label } = state;
  const set = Object.keys(params).filter((key) => !controls.has(key));
  const deleted = wordsOf(params, "delete").map(keyOf);
  if (config !== undefined) {
    const present = deleted.filter((key) => config[key] !== undefined);
    if (set.length === 0 && deleted.length > 0 && present.length === 0 && !Object.hasOwn(params, "revert")) {
      throw noEffect(`${label} has no ${quotedNames(deleted)} in its configuration`);
    }
    const isAll = Object.keys(params).every((key) => !controls.has(key) || key === "digest");
    if (isAll && set.length > 0 && set.every((key) => isSame(key, params, config))) {
      throw noEffect(`${quotedNames(set)} of ${label} ${set.length === 1 ? "has" : "have"} that value already`);
    }
  }
  const force = isOn(params, "force");
  refuseProtected(context, state, deleted);
  const changes = set.map((key) => changeOf(key, params, config));
  const removalsOf = (withVolume: boolean) =>
    deleted.map((key) => removalOf(key, config, force, withVolume)).toSorted((a, b) => gravity(a) - gravity(b));
  const removals = removalsOf(true);
  const template = isOn(params, "template");
  return {
    action: `CHANGE ${label}`,
    ...(template && { undo: { how: "by template=0" } }),
    effect: [
      ...(removals.join("; ").length <= formLine ? removals : removalsOf(false)),
      ...(template ? ["marks it as a template, which cannot start; its disks stay as they are"] : []),
      ...changes.filter(({ key }) => key !== "template").map(({ text }) => text),
    ],
    details: [
      ...state.lines,
      ...removals.map((text) => `It ${text}.`),
      ...set.map((key) => `Now: ${keyName(key)} ${nowText(key, config)}.`),
    ],
    words: state.words,
    digest: state.digest,
    told: [
      "delete",
      ...(deleted.length > 0 ? ["force"] : []),
      ...changes.flatMap(({ key, whole }) => (whole && key !== "template" ? [key] : [])),
    ],
    paraphrased: template ? ["template"] : [],
    explains: [
      "config-delete",
      "config-delete-volume",
      "config-template",
      ...(losesFirewall(params, config) ? [] : ["card-without-firewall"]),
    ],
    long: deleted.length > 4,
  };
};

/** The gravest first: volumes that are deleted, then disks that are detached, then other settings. */
function gravity(removal: string): number {
  return removal.startsWith("deletes ") ? 0 : removal.startsWith("detaches ") ? 1 : 2;
}

/** PVE::QemuServer takes `cdrom` for `ide2`. */
function keyOf(key: string): string {
  return key === "cdrom" ? "ide2" : key;
}

/** Whether a value is set already, where equal text means that nothing happens: not for volumes and passwords. */
function isSame(key: string, params: Params, config: Row): boolean {
  if (diskKey.test(key) || holdsSecret(key) || key === "cdrom" || config[key] === undefined) return false;
  return canonical(params[key], key) === canonical(config[key], key);
}

/** Whether a card that has a firewall loses it; of a configuration that was not read that is taken for so. */
function losesFirewall(params: Params, config: Row | undefined): boolean {
  return Object.keys(params).some(
    (key) =>
      /^net\d+$/.test(key) &&
      !saysYes(String(params[key]), "firewall") &&
      (config === undefined || saysYes(String(config[key] ?? ""), "firewall")),
  );
}

/** What becomes of a setting, and whether its new value is told whole. */
function changeOf(key: string, params: Params, config: Row | undefined) {
  const value = params[key];
  const name = keyName(key);
  if (value === undefined || holdsSecret(key)) return { key, text: `sets ${name} (masked)`, whole: true };
  const text = String(value);
  const old = config?.[keyOf(key)];
  if (key === "sshkeys") return { key, text: `${old === undefined ? "sets" : "replaces"} the SSH keys`, whole: false };
  const whole = text.length <= longest;
  const now = valueText(maskValue(key, value), longest);
  if (config === undefined) return { key, text: `${name} -> ${now}`, whole };
  if (/^net\d+$/.test(key) && !saysYes(text, "firewall")) {
    if (old === undefined) return { key, text: `adds network card ${name} without firewall: ${now}`, whole };
    if (saysYes(String(old), "firewall")) {
      return { key, text: `network card ${name} loses its firewall: ${now}`, whole };
    }
  }
  if (typeof old === "string" && diskKey.test(keyOf(key)) && old.split(",")[0] !== text.split(",")[0]) {
    const disk = diskOf(keyOf(key), old);
    if (disk !== undefined) return { key, text: `replaces ${diskText(disk, true)} by ${now}`, whole };
  }
  return {
    key,
    text: old === undefined ? `sets ${name} ${now}` : `${name} ${valueText(old, longest)} -> ${now}`,
    whole,
  };
}

function removalOf(key: string, config: Row | undefined, force: boolean, withVolume: boolean): string {
  const old = config?.[key];
  const name = keyName(key);
  if (config === undefined) return `removes ${name}`;
  if (old === undefined) return `removes ${name}, which is not set`;
  const disk = typeof old === "string" && diskKey.test(key) ? diskOf(key, old) : undefined;
  if (disk === undefined) return holdsSecret(key) ? `removes ${name}` : `removes ${name} (${valueText(old, longest)})`;
  return `${key.startsWith("unused") || force ? "deletes" : "detaches"} ${diskText(disk, withVolume || disk.size === undefined)}`;
}

function nowText(key: string, config: GuestState["config"]): string {
  const old = config?.[keyOf(key)];
  if (config === undefined) return "not readable";
  if (holdsSecret(key) && old !== undefined) return "set (masked)";
  return valueText(key === "sshkeys" && typeof old === "string" ? decoded(old) : old, 400);
}

function keyName(key: string): string {
  return nameText(key);
}
