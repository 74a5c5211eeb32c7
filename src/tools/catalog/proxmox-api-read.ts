import { z } from "zod";
import { GuestLists } from "../../policy/guests.ts";
import { formatPath, maxPathLength, parsePath } from "../../proxmox/path.ts";
import { plain } from "../../sanitize.ts";
import { clusterArgument, listArgument } from "../arguments.ts";
import { dataArgument, jsonText, readData } from "../data.ts";
import { failureText, ToolFailure } from "../failure.ts";
import { splitMethod } from "../method.ts";
import { type AnswerBody, answerBody, notesOf, type Selection } from "../output/api-answer.ts";
import { cutTable, cutText, fairShares, maxCharacters } from "../output/output-budget.ts";
import { defineTool, readOnly, type ToolContext } from "../tool.ts";

/** So many requests a call may name, and so many may come of them when `*` stands for every cluster. */
const [maxRequests, maxParts] = [20, 100];

/** Requests as one JSON text, in characters: as much as the largest message that is taken over HTTP. */
const maxRequestsLength = 1_048_576;

/** A model that copies "GET /nodes" whole, writes a path alone or says GET once more means what it seems to mean. */
const readRequest = z.preprocess(
  asRequest,
  z.strictObject(
    {
      path: z.string().max(maxPathLength),
      data: dataArgument("Its parameters"),
      cluster: clusterArgument.optional(),
    },
    {
      error: ({ code }) =>
        code === "unrecognized_keys" ? "takes path, data and cluster only, and is always a GET" : undefined,
    },
  ),
);

type ReadRequest = z.output<typeof readRequest>;

/** One request to one cluster, and what came of it. */
interface Part {
  readonly title: string;
  readonly answered: boolean;
  readonly body: PartBody;
  /** On how the answer came about. */
  readonly notes: readonly string[];
}

/** What a part says: no more of it than an answer can hold. */
interface PartBody extends Pick<AnswerBody, "summary" | "rows"> {
  readonly text: string;
  /** Of the whole text, in characters. */
  readonly length: number;
}

/** `proxmox_api_read`: many GETs at once, over any clusters. */
export const proxmoxApiRead = defineTool({
  name: "proxmox_api_read",
  title: "Read the Proxmox VE API",
  description:
    "Reads up to 20 API paths in parallel, on any clusters (`*`: on each): GET only, so it never changes anything. A path that fails does not lose the others. Narrow long answers with fields and limit.",
  cluster: "each",
  input: {
    requests: jsonText(listArgument(readRequest, maxRequests, asList), maxRequestsLength),
    fields: jsonText(
      listArgument(z.string().max(128), 100, (given) =>
        typeof given === "string" ? given.split(",").map((field) => field.trim()) : given,
      ),
      2000,
    )
      .optional()
      .describe("Only these keys of each row or object"),
    limit: z.coerce.number().int().min(1).max(10_000).optional().describe("Rows per path"),
  },
  annotations: readOnly,
  async run({ requests, fields, limit }, context) {
    const wanted = requests.flatMap((request) => overClusters(request, context));
    if (wanted.length > maxParts) {
      throw new ToolFailure(
        `With "*" these are ${wanted.length} requests; at most ${maxParts} are sent at once. Nothing was sent: name fewer paths, or clusters.`,
      );
    }
    const guests = new GuestLists();
    const parts = await Promise.all(
      wanted.map(async (request, index) => await read(request, index + 1, { fields, limit }, context, guests)),
    );
    const answered = parts.filter((part) => part.answered).length;
    const failed = parts.flatMap((part, index) => (part.answered ? [] : [index + 1]));
    const count = `${answered} of ${parts.length} answered`;
    const head = failed.length === 0 ? `${count}.` : `${count}; not answered: ${failed.join(", ")}.`;
    const remarks = new Set(parts.flatMap(({ notes }) => notes.map((note) => `[${note}]`)));
    const text = assemble([head, ...remarks].join("\n"), parts);
    if (answered === 0) throw new ToolFailure(text);
    return text;
  },
});

function asRequest(given: unknown): unknown {
  if (typeof given === "string") return { path: given };
  if (typeof given !== "object" || given === null || !("method" in given)) return given;
  const { method, ...request } = given;
  return typeof method === "string" && method.toUpperCase() === "GET" ? request : given;
}

/** The requests as a list, though one of them came alone. */
function asList(list: unknown): unknown {
  return typeof list === "string" || (typeof list === "object" && !Array.isArray(list)) ? [list] : list;
}

function overClusters(request: ReadRequest, { proxmox }: ToolContext): readonly ReadRequest[] {
  return request.cluster === "*" ? proxmox.names.map((cluster) => ({ ...request, cluster })) : [request];
}

async function read(
  { path: text, data, cluster }: ReadRequest,
  number: number,
  selection: Selection,
  { proxmox, signal }: ToolContext,
  guests: GuestLists,
): Promise<Part> {
  const [only, ...others] = proxmox.names;
  const asked = cluster ?? (others.length === 0 ? only : undefined);
  const { written, path: bare } = splitMethod(text);
  const title = `${number}. ${written === "GET" ? bare : text}${asked === undefined ? "" : ` on ${asked}`}`;
  try {
    if (written !== undefined && written !== "GET") {
      throw new ToolFailure(`${written} was not sent: this tool only reads. Use proxmox_api_call for it.`);
    }
    const request = { method: "GET", path: parsePath(bare), params: readData(data), signal } as const;
    using answer = await proxmox.request(cluster, { ...request, guests, plain: true, checked: true });
    const at = answer.resolved === undefined ? "" : `, ${formatPath(answer.resolved)}`;
    return {
      title: `${title}${at}`,
      answered: true,
      body: bodyOf(answerBody(answer, selection)),
      notes: notesOf(answer),
    };
  } catch (error) {
    const reason = failureText(error);
    if (reason === undefined || signal.aborted) throw error;
    return { title, answered: false, body: bodyOf({ summary: "error", text: reason }), notes: [] };
  }
}

/** Copied, because a slice keeps the whole text in memory, which may have 16 million characters. */
function bodyOf({ text, ...body }: AnswerBody): PartBody {
  const shown = plain(text.slice(0, maxCharacters + 1));
  return { ...body, text: Buffer.from(shown).toString(), length: Math.max(text.length, shown.length) };
}

/** The parts one after the other, each with its fair share of what an answer may be long. */
function assemble(head: string, parts: readonly Part[]): string {
  const heads = parts.map(
    ({ title, body: { summary } }) => `## ${title}${summary === undefined ? "" : `: ${summary}`}`,
  );
  const shownHeads = heads.map((line) => cutText(plain(line), maxTitle));
  const texts = parts.map(({ body }) => body.text);
  const whole = [head, ...shownHeads.flatMap((line, index) => [line, texts[index] ?? ""])].join("\n");
  if (whole.length <= maxCharacters) return whole;
  const advice = `[Cut for length. For the rest: ${parts.length > 1 ? "a cut path alone, " : ""}fields, or what the endpoint takes as data to narrow or page it (often start and limit).]`;
  // Two line ends and a note for each part.
  const spent = [head, advice, ...shownHeads].reduce((sum, line) => sum + line.length + 2, parts.length * maxNote);
  const shares = fairShares(
    parts.map(({ body }) => body.length),
    Math.max(maxCharacters - spent, 0),
  );
  const shown = parts.map(({ body }, index) => cutPart(body, shares[index] ?? 0));
  return [head, ...shownHeads.flatMap((line, index) => [line, shown[index] ?? ""]), advice].join("\n");
}

/** The longest heading of a part and the longest note on its cut, in characters: 100 parts must leave room for answers. */
const [maxTitle, maxNote] = [200, 50];

function cutPart({ rows, text, length }: PartBody, room: number): string {
  if (text.length <= room) return text;
  const { kept, rows: whole } = cutTable(text, room);
  const shown = rows === undefined ? `${kept.length} of ${length} characters` : `${whole} of ${rows} rows`;
  return `${kept}\n[${shown}]`;
}
