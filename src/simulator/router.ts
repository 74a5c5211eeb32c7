import { authenticate, enforce, type Identity } from "./access.ts";
import type { Endpoint, SimulatedCall } from "./endpoint.ts";
import { settle } from "./endpoints/nodes/task.ts";
import { died, Failure } from "./failure.ts";
import { perlJson, type Random, shuffled } from "./perl.ts";
import { verify } from "./schema.ts";
import { quorate, type SimulatedCluster } from "./state/state.ts";

/** One segment of the API's paths: what it answers itself, and what lies below. */
export interface Branch {
  readonly endpoints: Map<string, Endpoint>;
  readonly children: Map<string, Branch>;
}

/** The tree of path segments; templates keep their braces (`{node}`) as names. */
export function grow(endpoints: readonly Endpoint[]): Branch {
  const root: Branch = { endpoints: new Map(), children: new Map() };
  for (const endpoint of endpoints) {
    let branch = root;
    for (const segment of endpoint.path.split("/").slice(1)) {
      const next: Branch = branch.children.get(segment) ?? { endpoints: new Map(), children: new Map() };
      branch.children.set(segment, next);
      branch = next;
    }
    branch.endpoints.set(endpoint.method, endpoint);
  }
  return root;
}

/** Answers one API request; `path` is what follows `/api2/json`, `entry` the node that took the request. */
export async function answer(
  world: SimulatedCluster,
  api: Branch,
  request: Request,
  entry: string,
  path: string,
): Promise<Response> {
  try {
    return await attempt(world, api, request, entry, path);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return failed(error, world.random);
  } finally {
    world.answers++;
  }
}

/** An answer without lists: only the keys of its objects change places. */
const keysOnly = { rows: "kept", sets: [], lists: [] } as const;

/** A failure as it goes on the wire: the reason phrase is the message's first line. */
export function failed(error: Failure, random: Random = Math.random): Response {
  const { status, message, errors } = error;
  const statusText = message.split("\n")[0] ?? "";
  if (error.bodiless) return new Response(null, { status, statusText });
  const body = { data: null, message, ...(errors === undefined ? {} : { errors }) };
  return new Response(perlJson(body, random, keysOnly), { status, statusText, headers: json });
}

const json = { "content-type": "application/json;charset=UTF-8" };
const bodyLimit = 512 * 1024;

async function attempt(
  world: SimulatedCluster,
  api: Branch,
  request: Request,
  entry: string,
  path: string,
): Promise<Response> {
  const { method, signal } = request;
  if (!["GET", "POST", "PUT", "DELETE"].includes(method)) throw bare(501, `method '${method}' not available`);
  if (request.headers.has("transfer-encoding")) throw bare(501, "chunked transfer encoding not supported");
  let who: Identity;
  try {
    who = authenticate(world, request.headers.get("authorization"));
  } catch (error) {
    await pause(world.delays.auth, signal);
    throw error;
  }
  settle(world);
  const sent = await parameters(request);

  const segments = unescaped(path)
    .split("/")
    .filter((segment) => segment !== "");
  const found = match(api, segments);
  const endpoint = found?.branch.endpoints.get(method);
  if (found === undefined || endpoint === undefined)
    throw new Failure(501, `Method '${method} /${segments.join("/")}' not implemented`);
  if (!endpoint.tokens)
    throw new Failure(
      403,
      `Permission check failed (URI '${endpoint.path}' not available with API token, need proper ticket.\n)\n`,
    );

  const all: Record<string, unknown> = { ...sent, ...found.captured };
  const fill = (template: string): string =>
    template.replace(/\{(\w+)\}/g, (_, name: string) => String(all[name] ?? ""));
  enforce(world, who, endpoint.needs, fill, all);
  for (const [name, value] of Object.entries(found.captured))
    if (sent[name] !== undefined && String(sent[name]) !== value)
      throw new Failure(400, `Parameter verification failed.\n`, {
        errors: { [name]: `duplicate parameter (already defined in URI) with conflicting values` },
      });

  const node = endpoint.path.startsWith("/nodes/{node}/") ? found.captured["node"] : undefined;
  const serving = node === undefined ? entry : await reach(world, entry, node, signal);
  const params = verify(endpoint.takes, all);
  if (!quorate(world) && method !== "GET") await lackQuorum(world, endpoint, serving, params["vmid"], signal);
  const extra = {};
  const call: SimulatedCall = {
    world,
    who,
    params,
    extra,
    node: serving,
    text: (name) => String(params[name] ?? ""),
    number: (name, otherwise = 0) => Number(params[name] ?? otherwise),
  };
  const { order, run } = endpoint;
  const given = (await run(call)) ?? null;
  const data = Array.isArray(given) && order.rows === "random" ? shuffled(given, world.random) : given;
  const body = perlJson({ ...extra, data }, world.random, order);
  return new Response(body, { status: 200, statusText: "OK", headers: json });
}

const bare = (status: number, message: string): Failure => new Failure(status, message, { bodiless: true });

/** Proxmox unescapes the whole path once, before it splits it: `100%2fconfig` is two segments. */
function unescaped(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    throw bare(400, "invalid url");
  }
}

interface Found {
  readonly branch: Branch;
  readonly captured: Record<string, string>;
}

function match(branch: Branch, segments: readonly string[]): Found | undefined {
  const [head, ...rest] = segments;
  if (head === undefined) return { branch, captured: {} };
  const literal = branch.children.get(head);
  if (literal !== undefined) return match(literal, rest);
  for (const [name, child] of branch.children) {
    const variable = /^\{(\w+)\}$/.exec(name)?.[1];
    if (variable === undefined) continue;
    // Volume ids and networks hold slashes: these variables take all that is left.
    if (variable === "volume" || variable === "cidr")
      return { branch: child, captured: { [variable]: segments.join("/") } };
    const found = match(child, rest);
    if (found !== undefined) return { branch: found.branch, captured: { ...found.captured, [variable]: head } };
  }
  return undefined;
}

/** Query and body together, the query winning. */
async function parameters(request: Request): Promise<Record<string, unknown>> {
  const query = decoded(new URL(request.url).search);
  const body = await request.text();
  if (body === "") return query;
  if (request.method === "GET" || request.method === "DELETE")
    throw bare(501, `Unexpected content for method '${request.method}'`);
  if (Buffer.byteLength(body) > bodyLimit) throw bare(501, "for data too large");
  const type = (request.headers.get("content-type") ?? "").split(";")[0]?.trim().toLowerCase();
  if (type === "application/json") return { ...fromJson(body), ...query };
  if (type !== "" && type !== "application/x-www-form-urlencoded")
    throw bare(506, `upload 'Content-Type '${type}' not implemented`);
  return { ...decoded(body), ...query };
}

function fromJson(body: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    throw bare(500, "malformed JSON string");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw bare(500, "Not a HASH reference");
  for (const [name, it] of Object.entries(value)) if (it === null) throw died(`got no value for parameter '${name}'`);
  return { ...value };
}

/** Parameters end at `&` and at `;`; a key that comes twice is a list. */
function decoded(form: string): Record<string, unknown> {
  const search = new URLSearchParams(form.replaceAll(";", "&"));
  const values: Record<string, unknown> = {};
  for (const key of new Set(search.keys())) {
    const all = search.getAll(key);
    if (key !== "_dc") values[key] = all.length > 1 ? all : all[0];
  }
  return values;
}

/** The node that serves the call, after the delay and with the failure of one that cannot be reached. */
async function reach(world: SimulatedCluster, entry: string, name: string, signal: AbortSignal): Promise<string> {
  if (name === "localhost" || name === entry) return entry;
  const node = world.nodes.get(name);
  if (node === undefined)
    throw died(
      `hostname lookup '${name}' failed - failed to get address info for: ${name}: Temporary failure in name resolution`,
    );
  if (world.faults.frozen.includes(name)) {
    await pause(world.delays.frozen, signal);
    throw bare(596, "Connection timed out");
  }
  if (node.online) return name;
  await pause(world.delays.offline, signal);
  throw bare(595, "No route to host");
}

async function lackQuorum(
  world: SimulatedCluster,
  endpoint: Endpoint,
  node: string,
  vmid: unknown,
  signal: AbortSignal,
): Promise<never> {
  const { quorum, path } = endpoint;
  if (quorum === undefined) throw died("cluster not ready - no quorum?");
  if (quorum === "config") {
    const folder = path.includes("/lxc/") ? "lxc" : "qemu-server";
    throw died(`unable to open file '/etc/pve/nodes/${node}/${folder}/${vmid}.conf.tmp.164' - Permission denied`);
  }
  await pause(world.delays.lock, signal);
  throw died(`${quorum.failure}: cfs-lock 'file-${quorum.file}' error: no quorum!`);
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (ms <= 0) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", stop);
      resolve();
    }, ms);
    signal.addEventListener("abort", stop, { once: true });
    if (signal.aborted) stop();
  });
}
