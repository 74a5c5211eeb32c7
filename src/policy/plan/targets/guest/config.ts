import type { ParamValue } from "../../../../proxmox/params.ts";
import { cardWithoutFirewall } from "../../../endpoint-classes/parameters/firewall.ts";
import { diskKey, saysYes, volumesOf } from "../../../endpoint-classes/parameters/property.ts";
import { isOn, wordsOf } from "../../../endpoint-classes/values.ts";
import { isHidden, showValue } from "../../../redaction/redact-parameters.ts";
import type { Context, Describer } from "../../describer.ts";
import { canonical, type Row } from "../../facts.ts";
import {
  bindVolumes,
  diskOf,
  diskText,
  type GuestState,
  quotedNames,
  readTarget,
  refuseProtected,
} from "../../guest-state.ts";
import { endpointOf } from "../../plan.ts";
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

/** The longest value that is shown beside the old one, in characters. */
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
    if (isAll && set.length > 0 && set.every((key) => isSame(key, context, config))) {
      throw noEffect(`${quotedNames(set)} of ${label} ${set.length === 1 ? "has" : "have"} that value already`);
    }
  }
  refuseProtected(context, state, deleted);
  const changes = set.map((key) => changeOf(key, context, config));
  const removalsOf = (withVolume: boolean) =>
    deleted.map((key) => removalOf(key, context, config, withVolume)).toSorted((a, b) => gravity(a) - gravity(b));
  const removals = removalsOf(true);
  const lost = deleted.filter((key) => isLost(key, context));
  if (lost.length > 0) await bindVolumes(context, state, lost);
  const template = isOn(params, "template");
  // Proxmox shows only stars for it.
  const losesPassword =
    [...set, ...deleted].includes("cipassword") && (config === undefined || config["cipassword"] !== undefined);
  return {
    action: `CHANGE ${label}`,
    ...(losesPassword
      ? { undo: { caveat: "the present password is lost" } }
      : template && { undo: { how: "by template=0" } }),
    effect: [
      ...(removals.join("; ").length <= formLine ? removals : removalsOf(false)),
      ...(template ? ["marks it as a template, which cannot start; its disks stay as they are"] : []),
      ...(losesPassword ? ["the present cloud-init password is lost"] : []),
      ...changes.filter(({ key }) => key !== "template").map(({ text }) => text),
    ],
    details: [
      ...state.lines,
      ...removals.map((text) => `It ${text}.`),
      ...set.map((key) => `Now: ${keyName(key)} ${nowText(key, context, config)}.`),
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
      ...(losesFirewall(params, config) ? [] : [cardWithoutFirewall]),
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
function isSame(key: string, context: Context, config: Row): boolean {
  const { params } = context;
  if (diskKey.test(key) || isMasked(key, context, params[key]) || key === "cdrom" || config[key] === undefined)
    return false;
  return canonical(params[key], key) === canonical(config[key], key);
}

/** Whether a card that has a firewall loses it; of a configuration that was not read that is taken for so. */
function losesFirewall(params: Context["params"], config: Row | undefined): boolean {
  return Object.keys(params).some(
    (key) =>
      /^net\d+$/.test(key) &&
      !saysYes(String(params[key]), "firewall") &&
      (config === undefined || saysYes(String(config[key] ?? ""), "firewall")),
  );
}

/** The change of a setting as text, and whether that holds the whole new value. */
function changeOf(key: string, context: Context, config: Row | undefined) {
  const value = context.params[key];
  const name = keyName(key);
  if (value === undefined || isMasked(key, context, value)) return { key, text: `sets ${name} (masked)`, whole: true };
  const text = String(value);
  const old = config?.[keyOf(key)];
  if (key === "sshkeys") return { key, text: `${old === undefined ? "sets" : "replaces"} the SSH keys`, whole: false };
  const whole = text.length <= longest;
  const now = shownText(key, context, value, longest);
  if (config === undefined) return { key, text: `${name} -> ${now}`, whole };
  if (/^net\d+$/.test(key) && !saysYes(text, "firewall")) {
    if (old === undefined) return { key, text: `adds network card ${name} without firewall: ${now}`, whole };
    if (saysYes(String(old), "firewall")) {
      return { key, text: `network card ${name} loses its firewall: ${now}`, whole };
    }
  }
  if (typeof old === "string" && diskKey.test(keyOf(key)) && volumesOf(old)[0] !== volumesOf(text)[0]) {
    const disk = diskOf(keyOf(key), old);
    if (disk !== undefined) return { key, text: `replaces ${diskText(disk, true)} by ${now}`, whole };
  }
  return {
    key,
    text: old === undefined ? `sets ${name} ${now}` : `${name} ${shownText(key, context, old, longest)} -> ${now}`,
    whole,
  };
}

function removalOf(key: string, context: Context, config: Row | undefined, withVolume: boolean): string {
  const old = config?.[key];
  const name = keyName(key);
  if (config === undefined) return `removes ${name}`;
  if (old === undefined) return `removes ${name}, which is not set`;
  const disk = typeof old === "string" && diskKey.test(key) ? diskOf(key, old) : undefined;
  if (disk === undefined) {
    return isMasked(key, context, String(old))
      ? `removes ${name}`
      : `removes ${name} (${shownText(key, context, old, longest)})`;
  }
  return `${isLost(key, context) ? "deletes" : "detaches"} ${diskText(disk, withVolume || disk.size === undefined)}`;
}

/** Whether the removal of a setting deletes its volume. */
function isLost(key: string, { params }: Context): boolean {
  return key.startsWith("unused") || (diskKey.test(key) && isOn(params, "force"));
}

function nowText(key: string, context: Context, config: GuestState["config"]): string {
  const old = config?.[keyOf(key)];
  if (config === undefined) return "not readable";
  if (old !== undefined && isMasked(key, context, String(old))) return "set (masked)";
  return shownText(key, context, key === "sshkeys" && typeof old === "string" ? decoded(old) : old, 400);
}

function isMasked(key: string, { method, planned }: Context, value: ParamValue | undefined): boolean {
  return isHidden(endpointOf(method, planned.classified), key, value);
}

/** A setting's value, the secrets in it masked; `not set` for none. */
function shownText(key: string, { method, planned }: Context, value: unknown, most: number): string {
  const endpoint = endpointOf(method, planned.classified);
  return valueText(typeof value === "string" ? showValue(endpoint, key, value) : value, most);
}

function keyName(key: string): string {
  return nameText(key);
}
