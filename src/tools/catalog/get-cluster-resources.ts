import { z } from "zod";
import { didYouMean } from "../../config/wording.ts";
import { plainLine } from "../../sanitize.ts";
import { listArgument } from "../arguments.ts";
import { askClusters } from "../ask-clusters.ts";
import { jsonText } from "../data.ts";
import { ToolFailure } from "../failure.ts";
import { listed } from "../health/wording.ts";
import { maxCharacters } from "../output/output-budget.ts";
import { table } from "../output/table.ts";
import { type Column, columnNames, columnOf, type Section, sectionOf, sections } from "../resources/columns.ts";
import { readCursor, writeCursor } from "../resources/cursor.ts";
import { orderBy } from "../resources/order.ts";
import { dependsOnHidden, matches, readQuery } from "../resources/query.ts";
import { foldShared, isOfType, type Resource, readResources, resourceTypes } from "../resources/resource.ts";
import { defineTool, readOnly } from "../tool.ts";

/** A list, its JSON text, or names between commas. */
const listOfNames = jsonText(
  listArgument(z.string().max(64), 50, (given) =>
    typeof given === "string" ? given.split(/[,\s]+/).filter((name) => name !== "") : given,
  ),
  2000,
);

/** `get_cluster_resources`: guests, nodes, storage, pools and SDN over one cluster or all, one request to each. */
export const getClusterResources = defineTool({
  name: "get_cluster_resources",
  title: "Get cluster resources",
  description:
    "Lists guests (VMs and containers) with status, node, load and tags, nodes, storage, pools and SDN, over one cluster or all. 12%/4 is 12% of 4.",
  cluster: "any",
  input: {
    type: z.enum(resourceTypes).optional().describe("vm: all guests. Default: everything"),
    search: z
      .string()
      .max(500)
      .optional()
      .describe(
        "Words in name, VMID, node, tags ...; status:running tag:prod node:pve1 pool: name:web* cpu>80 mem>90 disk>85 uptime<1d; - excludes",
      ),
    sort: z.string().max(64).optional().describe("A field; -cpu: highest first"),
    fields: listOfNames.optional().describe(`Instead of the usual: ${columnNames.join(", ")}`),
    limit: z.coerce.number().int().min(1).max(1000).default(50),
    cursor: z.string().max(8000).optional().describe("From the end of the page before"),
  },
  annotations: readOnly,
  async run({ cluster, type, search = "", sort, fields, limit, cursor }, context) {
    const query = readQuery(search);
    const sorted = sort === undefined ? undefined : readSort(sort);
    const chosen = fields === undefined ? undefined : readFields(fields);
    const question = [cluster ?? "*", type, search, sort, fields, context.proxmox.names];
    const after = cursor === undefined ? undefined : readCursor(cursor, question);
    const { answers, missing } = await askClusters(context, cluster, async (name) => {
      const path = ["cluster", "resources"];
      const answer = await context.proxmox.request(name, { method: "GET", path, signal: context.signal });
      return foldShared(readResources(answer));
    });
    const all = answers.flatMap(({ value }) => value);
    const order = orderBy(sorted?.column, sorted?.descending ?? false, context.proxmox.names);
    const found = all
      .filter((resource) => isOfType(resource, type) && matches(query, resource))
      .map((resource) => ({ resource, place: order.place(resource) }))
      .sort((a, b) => order.compare(a.place, b.place));
    const rest = after === undefined ? found : found.filter(({ place }) => order.compare(place, after) > 0);
    const several = answers.length + missing.length > 1;
    const resources = found.map(({ resource }) => resource);
    const byNumber = orderBy(undefined, false, context.proxmox.names);
    const nameless = all
      .filter((resource) => isOfType(resource, type) && dependsOnHidden(query, resource))
      .sort((a, b) => byNumber.compare(byNumber.place(a), byNumber.place(b)));
    const head = [
      summary(resources, all, several ? `${answers.length} clusters` : answers.map((one) => one.cluster).join()),
      ...unnamed(nameless),
    ];
    const pageOf = (count: number): string => {
      const page = rest.slice(0, count);
      const shown = page.map(({ resource }) => resource);
      const last = page.at(-1);
      const left = rest.length - page.length;
      const of = `${page.length} of ${found.length}${after === undefined ? "" : `, ${left} left`}`;
      const more = last && left > 0 ? [`${of}. For more: cursor ${writeCursor(last.place, question)}`] : [];
      const tables = sorted === undefined ? bySection(shown, chosen, several) : inOrder(shown, chosen, several);
      return [...head, ...tables, ...more, ...missing].join("\n\n");
    };
    return fitting(pageOf, Math.min(limit, rest.length));
  },
});

/** As many rows as an answer has room for: cut behind them, it would lose its cursor and the clusters that are missing. */
function fitting(pageOf: (count: number) => string, most: number): string {
  const text = pageOf(most);
  if (text.length <= maxCharacters || most <= 1) return text;
  return fitting(pageOf, Math.max(1, Math.floor((most * maxCharacters) / text.length) - 1));
}

/** Maximum number of guests, and of nodes, that are named above the tables. */
const [maxGuests, maxNodes] = [20, 20];

/** Guests whose name or tags are unknown at the moment, and so cannot match. */
function unnamed(guests: readonly Resource[]): string[] {
  if (guests.length === 0) return [];
  const vmids = guests.map(({ vmid }) => String(vmid));
  const nodes = [...new Set(guests.map(({ cluster, node }) => `${node} of ${cluster}`))];
  const which = `${listed(vmids, maxGuests)} on ${listed(nodes, maxNodes)}`;
  return [
    plainLine(`Not searched by name, tag and pool, which are unknown while their node does not report: ${which}.`),
  ];
}

function readSort(text: string): { column: Column; descending: boolean } {
  const name = text.replace(/^[-+]/, "");
  return { column: readField(name, "sort"), descending: text.startsWith("-") };
}

function readFields(names: readonly string[]): readonly Column[] {
  return names.map((name) => readField(name, "fields"));
}

function readField(name: string, argument: string): Column {
  const column = columnOf(name.toLowerCase());
  if (column !== undefined) return column;
  throw new ToolFailure(
    `${argument}: there is no field ${JSON.stringify(name.slice(0, 60))}.${didYouMean(name, columnNames)} Valid: ${columnNames.join(", ")}.`,
  );
}

/** `131 guests on 2 clusters: 97 running, 30 stopped, 4 unknown (node pve3 offline). Nodes: 5, storage: 7.` */
function summary(found: readonly Resource[], all: readonly Resource[], place: string): string {
  const guests = found.filter((resource) => isOfType(resource, "vm"));
  const others = sections.slice(1).flatMap(({ title }, index) => {
    const count = found.filter((resource) => sectionOf(resource) === index + 1).length;
    return count === 0 ? [] : [`${title.toLowerCase()}: ${count}`];
  });
  const where = ` on ${place}`;
  if (guests.length === 0)
    return others.length === 0 ? `Nothing found${where}.` : `${upper(others.join(", "))}${where}.${age}`;
  const states = Map.groupBy(guests, ({ status }) => status ?? "unknown");
  const counts = [...states].sort(([a], [b]) => order(a) - order(b)).map(([status, of]) => `${of.length} ${status}`);
  const nodes = Map.groupBy(
    all.filter(({ type }) => type === "node"),
    ({ node }) => node,
  );
  const unknown = guests.filter(({ status }) => status === "unknown");
  const silent = Map.groupBy(unknown, ({ cluster, node }) => JSON.stringify([cluster, node]));
  const named = [...silent.values()].flatMap(([guest]) =>
    guest === undefined ? [] : [silence(guest, nodes.get(guest.node) ?? [])],
  );
  const note = named.length === 0 ? "" : ` (${listed(named, maxNodes)})`;
  const more = others.length === 0 ? age : ` ${upper(others.join(", "))}.${age}`;
  const count = guests.length === 1 ? "1 guest" : `${guests.length} guests`;
  return plainLine(`${count}${where}: ${counts.join(", ")}${note}.${more}`);
}

/** Why nothing is known of a guest; with the cluster where another of the nodes of that name is of another one. */
function silence({ cluster, node }: Resource, namesakes: readonly Resource[]): string {
  const own = namesakes.find((other) => other.cluster === cluster);
  const where = namesakes.some((other) => other !== own) ? ` of ${cluster}` : "";
  const isOffline = own !== undefined && own.status !== "online";
  return `node ${node}${where} ${isOffline ? "offline" : "does not report"}`;
}

/** pvestatd writes them every 10 s, and their rows do not say when. */
const age = " Figures are up to 10 s old.";

/** What most want to know of comes first. */
function order(status: string): number {
  const at = ["running", "stopped", "paused"].indexOf(status);
  return at < 0 ? 9 : at;
}

function upper(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function bySection(shown: readonly Resource[], chosen: readonly Column[] | undefined, several: boolean): string[] {
  const groups = Map.groupBy(shown, sectionOf);
  return sections.flatMap(({ title, columns }, index) => {
    const rows = groups.get(index);
    return rows === undefined ? [] : [tableOf(title, chosen ?? columns, rows, several, chosen !== undefined)];
  });
}

/** Sorted by something, all kinds stand in one table: else their order would be lost. */
function inOrder(shown: readonly Resource[], chosen: readonly Column[] | undefined, several: boolean): string[] {
  if (shown.length === 0) return [];
  const used = sections.filter((_, index) => shown.some((resource) => sectionOf(resource) === index));
  const columns = chosen ?? [...new Set(used.flatMap((section: Section) => section.columns))];
  return [tableOf(used.map(({ title }) => title).join(", "), columns, shown, several, chosen !== undefined)];
}

/** Fewer rows are read faster whole. */
const fewRows = 3;

/** Empty columns are left out, and what all rows have alike is said once, in the title. */
function tableOf(
  title: string,
  columns: readonly Column[],
  rows: readonly Resource[],
  several: boolean,
  asked: boolean,
): string {
  const filled = columns
    .filter(({ name }) => several || asked || name !== "cluster")
    .map(({ name, cell }) => ({ name, cells: rows.map(cell) }))
    .map(({ name, cells }) => ({ name, cells, values: new Set(cells.map((cell) => String(cell ?? ""))) }))
    .filter(({ values }) => asked || values.size > 1 || !values.has(""));
  const isAlike = ({ name, values }: (typeof filled)[number]) =>
    !asked &&
    rows.length > fewRows &&
    values.size === 1 &&
    ["status", "node", "type", "pool", "content"].includes(name);
  const alike = filled.filter(isAlike).map(({ name, values }) => `${name} ${[...values][0]}`);
  const kept = filled.filter((column) => !isAlike(column));
  const head = alike.length === 0 ? title : `${title}, all: ${alike.join(", ")}`;
  return `${head}\n${table(
    kept.map(({ name }) => name),
    rows.map((_, index) => kept.map(({ cells }) => cells[index])),
  )}`;
}
