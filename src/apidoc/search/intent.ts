import type { Method } from "../../proxmox/message.ts";
import { rawWords, stem, words } from "./words.ts";

/** What a question asks for, beside its words: how, and of what kind of thing. */
export interface Intent {
  /** Methods that the question's verb means; none when it has none. */
  readonly methods: ReadonlySet<Method>;
  /** Kinds of things that it names: only those that the API's paths tell apart. */
  readonly things: ReadonlySet<Thing>;
  /** The words to look for. */
  readonly words: readonly string[];
}

export type Thing = "vm" | "container" | "node" | "cluster";

const verbs: Readonly<Record<Method, string>> = {
  GET: "show list get display view see read find look check what which who whom how is are does do can may where when why status inspect tell count history available inventory",
  POST: "create add new make generate register define order build deploy provision install download upload run execute start stop shutdown reboot reset suspend pause resume migrate clone copy duplicate backup rollback revert restore open send take schedule join move import sync order restart test pull fetch trim allow block deny convert kill halt wake launch boot cancel evacuate",
  PUT: "change edit modify set update adjust rename enable disable assign give grant allow apply renew increase decrease shrink reduce raise lower grow enlarge extend expand resize attach mount put configure turn toggle protect lock unlock activate reload detach limit regenerate tag label press wipe revoke mark hide switch add move",
  DELETE:
    "delete remove destroy drop erase revoke unregister purge clear clean kick evict abort cancel undo discard prune detach",
};

/** Verbs that go with everything: they choose the method, and say nothing of what is meant. */
const plainVerbs = new Set(
  "show list get display view see read find look check tell create add new make change edit modify set update delete remove destroy put enable disable".split(
    " ",
  ),
);

/** Proxmox calls the computer a node, and everybody else calls it something else. */
const kinds: Readonly<Record<Thing, string>> = {
  vm: "vm vms qemu kvm",
  container: "container containers lxc ct cts",
  node: "node nodes host hosts hypervisor server",
  cluster: "cluster datacenter everywhere cluster-wide all",
};

const methodsOf = reverse(verbs);
const thingsOf = reverse(kinds);

/** Reads a question. */
export function readIntent(question: string): Intent {
  const said = [...rawWords(question), ...words(question)];
  const things = new Set(said.flatMap((word) => [...(thingsOf.get(word) ?? [])]));
  return { methods: methodsIn(said), things, words: [...new Set(words(question))] };
}

/** Whether a word names a kind of thing: the path tells that better than every text that speaks of one. */
export function namesThing(word: string): boolean {
  return thingsOf.has(word);
}

/** Whether a word says no more than which method is meant. */
export function namesMethod(word: string): boolean {
  return plainVerbs.has(word);
}

/** The first verb is what is asked for; the others say of what. */
function methodsIn(said: readonly string[]): ReadonlySet<Method> {
  for (const word of said) {
    const methods = methodsOf.get(word) ?? methodsOf.get(stem(word));
    if (methods !== undefined) return methods;
  }
  return new Set();
}

function reverse<Key extends string>(table: Readonly<Record<Key, string>>): ReadonlyMap<string, ReadonlySet<Key>> {
  const found = new Map<string, Set<Key>>();
  for (const key of Object.keys(table) as Key[]) {
    for (const word of table[key].split(" ")) found.set(word, (found.get(word) ?? new Set()).add(key));
  }
  return found;
}
