import { nearest } from "../../config/nearest.ts";
import { glob } from "../../glob.ts";
import { ToolFailure } from "../failure.ts";
import { isOn, nameOf, type Resource, ratio } from "./resource.ts";

/** One condition of a search; all of them must hold. */
interface Term {
  readonly excludes: boolean;
  /** It looks at what Proxmox does not know of guests while their node does not report. */
  readonly hidden: boolean;
  /** It looks at what is known of them, too. */
  readonly isWord: boolean;
  readonly holds: (resource: Resource) => boolean;
}

/** A search over resources, in the manner of Proxmox Datacenter Manager: words, `key:value`, comparisons, `-` excludes. */
export type Query = readonly Term[];

/** Keys whose value is a text, and how it is compared: names by a part of them, all else whole; `*` is any characters. */
const textKeys: Readonly<Record<string, { readonly part?: true; values(resource: Resource): readonly unknown[] }>> = {
  cluster: { values: ({ cluster }) => [cluster] },
  type: {
    values: ({ type }) => [type, type === "qemu" || type === "lxc" ? "vm" : type === "network" ? "sdn" : undefined],
  },
  vmid: { values: ({ vmid }) => [vmid] },
  name: { part: true, values: (resource) => [nameOf(resource)] },
  node: { values: ({ node }) => node?.split(",") ?? [] },
  status: { values: ({ status }) => [status] },
  tag: { values: ({ tags }) => tags?.split(/[;, ]+/) ?? [] },
  pool: { values: ({ pool }) => [pool] },
  storage: { part: true, values: ({ storage }) => [storage] },
  content: { values: ({ content }) => content?.split(",") ?? [] },
  lock: { values: ({ lock }) => [lock] },
  ha: { values: ({ hastate }) => [hastate] },
  template: { values: ({ template }) => (template === undefined ? [] : [template === 1 ? "yes" : "no"]) },
};

/** Keys whose value is a number: of a whole in percent, or by itself in bytes or seconds. */
const numberKeys: Readonly<Record<string, (resource: Resource) => Amounts>> = {
  cpu: (resource) => ({ percent: isOn(resource) ? ratio(resource.cpu, 0.01) : undefined }),
  mem: (resource) => ({ ...(isOn(resource) && amounts(resource.mem, resource.maxmem)) }),
  // Only the guest knows how full a VM's disk is: Proxmox reports 0.
  disk: ({ type, disk, maxdisk }) => (type === "qemu" ? {} : amounts(disk, maxdisk)),
  // Nothing that is off has been up for less than a day.
  uptime: ({ uptime }) => ({ seconds: uptime === 0 ? undefined : uptime }),
  vmid: ({ vmid }) => ({ plain: vmid }),
  cores: ({ maxcpu }) => ({ plain: maxcpu }),
};

function amounts(part: number | undefined, whole: number | undefined): Amounts {
  return { percent: ratio(part, whole === undefined ? undefined : whole / 100), bytes: part };
}

interface Amounts {
  readonly percent?: number | undefined;
  readonly bytes?: number | undefined;
  readonly seconds?: number | undefined;
  readonly plain?: number | undefined;
}

const aliases: Readonly<Record<string, string>> = { id: "vmid", tags: "tag", memory: "mem", ram: "mem", hastate: "ha" };

function aliased(key: string): string {
  const lower = key.toLowerCase();
  return own(aliases, lower) ?? lower;
}

/** The value of an own key; `constructor` is none. */
function own<T>(record: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}

const hiddenKeys = new Set(["name", "tag", "pool"]);

/** The keys that a search may have. */
const searchKeys: readonly string[] = [...new Set([...Object.keys(textKeys), ...Object.keys(numberKeys)])];

/** Keys that every resource has a value for, so that there is something to be written. */
const neverEmpty = new Set(["cluster", "type", "status", "node", "vmid"]);

/** What other languages of search have, and would be looked for as a word in vain. */
const foreign = /^(?:[<>=!&|]+|and|or|not)$|^[!(]|\)$|!=|&&|\|\|/i;

/** A word, or a key with a sign and a value; quotes hold spaces together. */
const token = /([-+]?)(?:([a-z]+)(:|[<>]=?|=))?("(?:[^"\\]|\\.)*"?|[^\s"]*)/giy;

/**
 * Reads a search: `web -tag:dev status:running cpu>80 uptime<1d "two words"`.
 * @throws {ToolFailure} that says which part is wrong, why, and what is valid.
 */
export function readQuery(text: string): Query {
  const terms: Term[] = [];
  for (let at = 0; at < text.length; ) {
    if (/\s/.test(text[at] ?? "")) {
      at++;
      continue;
    }
    token.lastIndex = at;
    const [whole = "", sign, key, operator, value = ""] = token.exec(text) ?? [];
    at += whole.length;
    const excludes = sign === "-";
    if (key === undefined || operator === undefined) {
      if (!value.startsWith('"') && foreign.test(value)) {
        throw wrong(
          whole,
          "this is no word; all parts must hold, - before one excludes, and signs stand without spaces, as in cpu>80",
        );
      }
      const word = unquote(value, whole);
      if (word !== "")
        terms.push({ excludes, hidden: true, isWord: true, holds: (resource) => hasWord(resource, word) });
    } else {
      const hidden = hiddenKeys.has(aliased(key));
      terms.push({
        excludes,
        hidden,
        isWord: false,
        holds: readCondition(key, operator, unquote(value, whole), whole),
      });
    }
  }
  return terms;
}

/** Whether a resource is one that the search asks for. */
export function matches(query: Query, resource: Resource): boolean {
  return query.every(({ excludes, holds }) => holds(resource) !== excludes);
}

/** Whether only what is not known of a guest while its node does not report decides if it is one. */
export function dependsOnHidden(query: Query, resource: Resource): boolean {
  const isNameless = resource.status === "unknown" && resource.name === undefined && resource.vmid !== undefined;
  const [hidden, open] = [query.filter((term) => term.hidden), query.filter((term) => !term.hidden)];
  return isNameless && hidden.some((term) => !isCertain(term, resource)) && matches(open, resource);
}

/** A word that is found is found, whatever else there would be to look into. */
function isCertain({ isWord, holds }: Term, resource: Resource): boolean {
  return isWord && holds(resource);
}

function hasWord(resource: Resource, word: string): boolean {
  const { cluster, vmid, node, status, tags, pool } = resource;
  const text = [cluster, nameOf(resource), vmid, node, status, tags, pool].join("\n").toLowerCase();
  return text.includes(word.toLowerCase());
}

function readCondition(given: string, operator: string, value: string, whole: string): Term["holds"] {
  const lower = given.toLowerCase();
  const key = aliased(given);
  const compare = own(comparisons, operator);
  const number = own(numberKeys, key);
  const text = own(textKeys, key);
  if (compare !== undefined) {
    if (number === undefined) {
      throw wrong(whole, text === undefined ? unknown(lower) : `${key} is no number; write ${key}:value`);
    }
    const { unit, amount } = readAmount(key, value, whole);
    return (resource) => {
      const have = number(resource)[unit];
      return have !== undefined && compare(have, amount);
    };
  }
  if (text === undefined) {
    throw wrong(whole, number === undefined ? unknown(lower) : `${key} is compared: ${key}>80 or ${key}<=80`);
  }
  if (value === "" && neverEmpty.has(key)) throw wrong(whole, `nothing stands after ${lower}${operator}`);
  if (key === "vmid" && !/^[\d*,]+$/.test(value)) {
    throw wrong(whole, "a VMID has digits only; write vmid:100,101 or vmid>=100 vmid<=199");
  }
  const fits = value.split(",").map((each) => matcher(each, text.part === true));
  return (resource) => {
    const values = text.values(resource).filter((each) => each !== undefined && each !== "");
    // `pool:` asks for what has none.
    return value === "" ? values.length === 0 : values.some((each) => fits.some((fit) => fit(String(each))));
  };
}

const comparisons: Readonly<Record<string, (a: number, b: number) => boolean>> = {
  ">": (a, b) => a > b,
  ">=": (a, b) => a >= b,
  "<": (a, b) => a < b,
  "<=": (a, b) => a <= b,
};

const secondsOf: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };
const powers = "kmgtp";

function readAmount(key: string, value: string, whole: string): { unit: keyof Amounts; amount: number } {
  const [, digits, unit = ""] = /^(\d+(?:\.\d+)?)\s*([a-z%]*)$/i.exec(value) ?? [];
  if (digits === undefined) throw wrong(whole, `${JSON.stringify(value)} is no number`);
  const amount = Number(digits);
  if (key === "vmid" || key === "cores") {
    if (unit === "") return { unit: "plain", amount };
    throw wrong(whole, `${key} has no unit`);
  }
  if (key === "uptime") {
    const seconds = own(secondsOf, unit.toLowerCase());
    if (seconds !== undefined) return { unit: "seconds", amount: amount * seconds };
    throw wrong(whole, "uptime needs a unit: s, m, h, d or w, such as uptime<1d");
  }
  if (unit === "" || unit === "%") return { unit: "percent", amount };
  const [, power] = /^([kmgtp])(?:i?b)?$/i.exec(unit) ?? [];
  if (power !== undefined && key !== "cpu") {
    return { unit: "bytes", amount: amount * 1024 ** (powers.indexOf(power.toLowerCase()) + 1) };
  }
  throw wrong(
    whole,
    key === "cpu" ? "cpu is in percent: cpu>80" : `${key} is in percent, or in K, M, G, T: ${key}>90 or ${key}>4G`,
  );
}

/** Most values are compared whole, without regard to letters; `*` stands for any characters. */
function matcher(value: string, part: boolean): (text: string) => boolean {
  return glob(part && !value.includes("*") ? `*${value}*` : value);
}

function unquote(value: string, whole: string): string {
  if (!value.startsWith('"')) return value;
  if (value.length < 2 || !value.endsWith('"')) throw wrong(whole, 'a quote (") is not closed');
  return value.slice(1, -1).replaceAll(/\\(.)/g, "$1");
}

function unknown(key: string): string {
  const guess = nearest(key, [...searchKeys, ...Object.keys(aliases)]);
  const hint = guess === undefined ? "" : `, did you mean ${guess}?`;
  return `${key} is no key${hint} (a word with such a sign in it stands in quotes)`;
}

function wrong(part: string, why: string): ToolFailure {
  const shown = part.length > 60 ? `${part.slice(0, 60)}...` : part;
  return new ToolFailure(
    `search: ${JSON.stringify(shown)} cannot be read: ${why}. Valid: words; keys ${searchKeys.join(", ")}, as status:running, -tag:dev, cpu>80, mem>=4G, uptime<1d; "quotes" hold words together; - excludes.`,
  );
}
