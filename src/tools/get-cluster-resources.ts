import { z } from "zod";
import { didYouMean } from "../config/wording.ts";
import { askClusters } from "./ask-clusters.ts";
import { ToolFailure } from "./failure.ts";
import { type Column, columnNames, columnOf, type Section, sectionOf, sections } from "./resources/columns.ts";
import { readCursor, writeCursor } from "./resources/cursor.ts";
import { orderBy } from "./resources/order.ts";
import { matches, readQuery } from "./resources/query.ts";
import { foldShared, isOfType, type Resource, resourceTypes } from "./resources/resource.ts";
import { rowsOf } from "./rows.ts";
import { table } from "./table.ts";
import { defineTool, readOnly } from "./tool.ts";

const listOfNames = z.preprocess(
  (given) => (typeof given === "string" ? given.split(/[,\s]+/).filter((name) => name !== "") : given),
  z.array(z.string()).min(1),
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
    sort: z.string().optional().describe("A field; -cpu: highest first"),
    fields: listOfNames.optional().describe(`Instead of the usual: ${columnNames.join(", ")}`),
    limit: z.coerce.number().int().min(1).max(1000).default(50),
    cursor: z.string().max(1000).optional().describe("From the end of the page before"),
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
      const rows = rowsOf<Resource>(answer, "id");
      return foldShared(rows.map((row) => ({ ...row, cluster: answer.cluster })));
    });
    const all = answers.flatMap(({ value }) => value);
    const order = orderBy(sorted?.column, sorted?.descending ?? false, context.proxmox.names);
    const found = all
      .filter((resource) => isOfType(resource, type) && matches(query, resource))
      .map((resource) => ({ resource, place: order.place(resource) }))
      .sort((a, b) => order.compare(a.place, b.place));
    const rest = after === undefined ? found : found.filter(({ place }) => order.compare(place, after) > 0);
    const page = rest.slice(0, limit);
    const last = page.at(-1);
    const next = last === undefined || page.length === rest.length ? undefined : writeCursor(last.place, question);
    const shown = page.map(({ resource }) => resource);
    const several = answers.length + missing.length > 1;
    return [
      summary(
        found.map(({ resource }) => resource),
        all,
        answers.length,
      ),
      ...(sorted === undefined ? bySection(shown, chosen, several) : inOrder(shown, chosen, several)),
      ...(next === undefined
        ? []
        : [
            `${page.length} of ${found.length}${after === undefined ? "" : `, ${rest.length - page.length} left`}. For more: cursor ${next}`,
          ]),
      ...missing,
    ].join("\n\n");
  },
});

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

/** `131 guests on 2 clusters: 97 running, 30 stopped, 4 unknown (node pve3 offline). 5 nodes, 7 storages.` */
function summary(found: readonly Resource[], all: readonly Resource[], clusters: number): string {
  const guests = found.filter((resource) => isOfType(resource, "vm"));
  const others = sections.slice(1).flatMap(({ title }, index) => {
    const count = found.filter((resource) => sectionOf(resource) === index + 1).length;
    return count === 0 ? [] : [`${title.toLowerCase()}: ${count}`];
  });
  const where = clusters === 1 ? "" : ` on ${clusters} clusters`;
  if (guests.length === 0)
    return others.length === 0 ? `Nothing found${where}.` : `${upper(others.join(", "))}${where}.`;
  const states = Map.groupBy(guests, ({ status }) => status ?? "unknown");
  const counts = [...states].sort(([a], [b]) => order(a) - order(b)).map(([status, of]) => `${of.length} ${status}`);
  const offline = all.filter(({ type, status }) => type === "node" && status !== "online").map(({ node }) => node);
  const silent = [...new Set(guests.filter(({ status }) => status === "unknown").map(({ node }) => node))];
  const named = silent.map((node) => `node ${node} ${offline.includes(node) ? "offline" : "does not report"}`);
  const note = named.length === 0 ? "" : ` (${named.join(", ")})`;
  const more = others.length === 0 ? age : ` ${upper(others.join(", "))}.${age}`;
  return `${guests.length === 1 ? "1 guest" : `${guests.length} guests`}${where}: ${counts.join(", ")}${note}.${more}`;
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
