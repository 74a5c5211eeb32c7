import type { Cluster } from "../clusters.ts";
import { escapeControls } from "../plain.ts";
import type { ProxmoxRequest } from "../proxmox/client.ts";
import { ProxmoxError } from "../proxmox/errors.ts";
import { type ApiPath, formatPath } from "../proxmox/path.ts";
import type { Subject } from "./affected.ts";
import type { Classified } from "./classes/classify.ts";
import { describeGuest, type GuestPlan } from "./guest-plan.ts";
import type { Guest } from "./guests.ts";
import { maskParams } from "./mask.ts";
import { PolicyRefusal } from "./refusal.ts";

/** What a human is asked to agree to, and what the agreement rests on. */
export interface Plan {
  /** In several lines: what would be done where, to whom, and what would be lost. */
  readonly text: string;
  /** Any of these, typed, agrees; the first is the one to ask for. */
  readonly words: readonly string[];
  /** All that was read for it: what is agreed to holds for this state of things and no other. */
  readonly state: string;
  /** The `digest` of the configuration that was read, where there is one. */
  readonly digest: string | undefined;
}

/** What a plan is made of. */
export interface Planned {
  readonly cluster: Cluster;
  readonly request: ProxmoxRequest;
  readonly classified: Classified;
  readonly subjects: readonly Subject[];
  /** The guests that the token may see. */
  guests(): Promise<readonly Guest[]>;
  /** Whether this caller could read a path: what settings withhold is looked at for the binding, and not shown. */
  mayRead(path: ApiPath): boolean;
}

/** How long one look for a plan may take, in milliseconds: a human waits. */
const lookMs = 10_000;

/** So many guests are named; of more the number is told. */
const mostNamed = 20;

/**
 * Looks at what a request is about, now, and says what it would do.
 * @throws {PolicyRefusal} when something that cannot be undone cannot be looked at: nobody could agree to it.
 */
export async function makePlan(planned: Planned): Promise<Plan> {
  const { cluster, request, classified } = planned;
  const look = lookAt(cluster, request.signal);
  const lines = [headline(planned)];
  const { own, overwritten, others } = concerned(planned);
  const state: unknown[] = [];
  let words: readonly string[] = [];
  let digest: string | undefined;
  const vmid = overwritten ?? own;
  const found = vmid === undefined ? undefined : await findGuest(vmid, planned);
  if (found !== undefined) {
    const details = await describeGuest(found, request, classified, look);
    refuseBlind(planned, details);
    lines.push(...(planned.mayRead(details.path) ? details.lines : details.lines.slice(0, 1)));
    state.push(details.state);
    words = details.words;
    digest = details.digest;
  } else if (own !== undefined) {
    refuseBlind(planned, { missing: `the cluster does not list guest ${own}, or the token may not see it` });
    lines.push(`Guest ${own}: the cluster does not list it, or the token may not see it.`);
  }
  if (others.length > 0) {
    const { line, state: which } = await describeMany(others, planned);
    lines.push(line);
    state.push(which);
  }
  if (vmid === undefined) {
    const object = await describeObject(planned, look);
    if (object.line !== undefined) lines.push(object.line);
    state.push(object.state);
    digest = object.digest;
  }
  lines.push(`${upper(classified.reason)}${classified.irreversible ? "; this cannot be undone" : ""}.`);
  return {
    // What somebody put into a name must not look like a line of ours.
    text: lines.map((line) => escapeControls(line, /[\p{Cc}\p{Bidi_Control}]/gu)).join("\n"),
    words: words.length > 0 ? words : namesOf(planned),
    state: JSON.stringify(state),
    digest,
  };
}

/** A look at the cluster that a plan needs: data, or why there is none. */
export type Look = (path: readonly string[], params?: ProxmoxRequest["params"]) => Promise<Seen>;

/** What a look gave. */
export type Seen = { readonly data: unknown } | { readonly missing: string };

function lookAt({ client }: Cluster, signal: AbortSignal | undefined): Look {
  return async (path, params = {}) => {
    try {
      const within = { timeoutMs: lookMs, ...(signal !== undefined && { signal }) };
      return { data: (await client.request({ method: "GET", path, params, ...within })).data };
    } catch (error) {
      if (!(error instanceof ProxmoxError) || error.kind === "aborted") throw error;
      return { missing: error.what };
    }
  };
}

function headline({ cluster, request, classified }: Planned): string {
  const shown =
    Object.keys(request.params ?? {}).length === 0 ? "" : ` ${JSON.stringify(maskParams(request.params ?? {}))}`;
  const kind = classified.irreversible ? "IRREVERSIBLE" : classified.class.toUpperCase();
  return `${kind} on cluster ${cluster.name}: ${request.method} ${formatPath(request.path)}${shown}`;
}

/** The guest whose path it is, the one that it would overwrite, and all others that it is about. */
function concerned({ subjects, classified }: Planned) {
  const own = classified.values["vmid"];
  const overwritten = subjects.find((subject) => subject.type === "new-guest" && subject.overwrites);
  const others = subjects.filter((subject) =>
    subject.type === "guest"
      ? subject.vmid !== own
      : ["guests-of-node", "guests-of-pool", "all-guests"].includes(subject.type),
  );
  return { own, overwritten: overwritten?.type === "new-guest" ? overwritten.vmid : undefined, others };
}

async function findGuest(vmid: string, { guests }: Planned): Promise<Guest | undefined> {
  try {
    return (await guests()).find((one) => one.vmid === vmid);
  } catch (error) {
    if (!(error instanceof ProxmoxError) || error.kind === "aborted") throw error;
    return undefined;
  }
}

/** Nobody can agree to the loss of what nobody can see, nor would a guest be recognized that was made anew meanwhile. */
function refuseBlind({ cluster, request, classified }: Planned, details: Pick<GuestPlan, "missing">): void {
  if (!classified.irreversible || details.missing === undefined) return;
  throw new PolicyRefusal(
    "consent",
    `${request.method} ${formatPath(request.path)} on ${cluster.name} was not sent: it cannot be undone, so somebody must agree to it who sees what would be lost, and that cannot be read (${details.missing}). The token needs VM.Audit on the guest, and its node must answer.`,
  );
}

async function describeMany(subjects: readonly Subject[], { guests }: Planned) {
  let all: readonly Guest[] = [];
  try {
    all = await guests();
  } catch (error) {
    if (!(error instanceof ProxmoxError) || error.kind === "aborted") throw error;
    return { line: `The guests that it is about could not be listed (${error.what}).`, state: undefined };
  }
  const meant = all.filter((guest) => subjects.some((subject) => isAbout(subject, guest)));
  const named = meant
    .slice(0, mostNamed)
    .map(({ vmid, name, node, status }) => `${vmid} ${JSON.stringify(name ?? "")} (${status} on ${node})`);
  const more = meant.length > mostNamed ? ` and ${meant.length - mostNamed} more` : "";
  const line =
    meant.length === 0 ? "It is about no guest that the token may see." : `Guests: ${named.join(", ")}${more}.`;
  return { line, state: meant };
}

function isAbout(subject: Subject, guest: Guest): boolean {
  switch (subject.type) {
    case "guest":
      return subject.vmid === guest.vmid;
    case "guests-of-node":
      return subject.node === guest.node;
    case "guests-of-pool":
      return guest.pool === subject.pool || guest.pool?.startsWith(`${subject.pool}/`) === true;
    default:
      return subject.type === "all-guests";
  }
}

/**
 * What else than a guest is changed or deleted, as Proxmox shows it under the same path; many have no such GET, and what
 * is only made or done is not there yet.
 */
async function describeObject({ request, mayRead }: Planned, look: Look) {
  if (request.method === "POST" || !mayRead(request.path)) {
    return { line: undefined, state: undefined, digest: undefined };
  }
  const seen = await look(request.path);
  if ("missing" in seen || typeof seen.data !== "object" || seen.data === null) {
    return { line: undefined, state: undefined, digest: undefined };
  }
  const facts = Object.entries(seen.data).filter(([, value]) => typeof value !== "object");
  const shown = maskParams(Object.fromEntries(facts.slice(0, 12)) as Record<string, string | number | boolean>);
  const { digest } = seen.data as { digest?: unknown };
  return {
    line: facts.length === 0 || Array.isArray(seen.data) ? undefined : `As it is now: ${JSON.stringify(shown)}`,
    state: seen.data,
    digest: typeof digest === "string" ? digest : undefined,
  };
}

/** What is typed where no guest is meant: the user, the storage, the file that the path ends in, else the cluster. */
function namesOf({ cluster, classified: { template = "", values } }: Planned): readonly string[] {
  const variables = [...template.matchAll(/\{([^}]+)\}/g)];
  const last = values[variables.at(-1)?.[1] ?? ""];
  if (last === undefined) return [cluster.name];
  // A volume goes by the name of its file, too: `local:backup/vzdump-...` is long enough without its storage.
  const [file = last] = /[^:/]+$/.exec(last) ?? [];
  return file === last ? [last] : [file, last];
}

function upper(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
