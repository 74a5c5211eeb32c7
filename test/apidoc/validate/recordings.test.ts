import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { validate } from "../../../src/apidoc/validate/validate.ts";
import type { Method } from "../../../src/proxmox/message.ts";
import { type Params, ParamsError, parseParams } from "../../../src/proxmox/params.ts";
import { type ApiPath, PathError, parsePath } from "../../../src/proxmox/path.ts";
import { loadSources } from "./schemas.ts";

interface Row {
  readonly request: {
    readonly cluster: string;
    readonly method: string;
    readonly path: string;
    readonly query?: Record<string, unknown>;
    readonly form?: Record<string, unknown>;
    readonly json?: Record<string, unknown>;
  };
  readonly response: { readonly status: number; readonly body?: { readonly errors?: Record<string, string> } };
}

const folder = join(import.meta.dir, "../../recordings");
const rows: Row[] = [];
for await (const file of new Bun.Glob("*.json").scan(folder)) {
  const content = await Bun.file(join(folder, file)).json();
  rows.push(...(Array.isArray(content) ? content : Object.values(content).flat()));
}

/** What Proxmox refused for reasons that no schema holds: the guest is there, the task is not. */
const beyondSchema = /already exists|no such task|unable to parse worker upid/;

const [newest, oldest] = await loadSources();

describe.each([
  ["alpha", newest],
  ["beta", oldest],
] as const)("the recorded requests to %s", (cluster, source) => {
  const known = rows.flatMap(({ request, response }) => {
    if (request.cluster !== cluster) return [];
    const sent = read(request);
    const found = sent && source?.schema.find(sent.path);
    const endpoint = found && source?.schema.endpoint(request.method as Method, found.template);
    if (sent === undefined || found === undefined || endpoint === undefined) return [];
    return [{ request, response, complaints: validate(endpoint, found.values, sent.params) }];
  });

  test(`none that Proxmox took is refused by ${source?.name}`, () => {
    const taken = known.filter(({ response }) => response.status < 300);
    const all = rows.filter(({ request, response }) => request.cluster === cluster && response.status < 300);
    if (source?.whole) expect(taken).toHaveLength(all.length);
    expect(taken.length).toBeGreaterThan(10);
    expect(taken.filter(({ complaints }) => complaints.length > 0)).toEqual([]);
  });

  test(`those with wrong parameters are refused by the same names by ${source?.name}`, () => {
    const refused = known.flatMap(({ response, complaints }) => {
      const errors = response.body?.errors;
      if (errors === undefined || Object.values(errors).some((text) => beyondSchema.test(text))) return [];
      return [{ theirs: Object.keys(errors).sort(), ours: complaints.map(({ name }) => name).sort() }];
    });
    if (cluster === "alpha") expect(refused.length).toBeGreaterThan(4);
    for (const { ours, theirs } of refused) expect(ours).toEqual(theirs);
  });
});

/** The request as our client would send it; `undefined` for what it cannot. */
function read({ path, query, form, json }: Row["request"]): { path: ApiPath; params: Params } | undefined {
  const [left = "", right] = path.split("?");
  try {
    const inPath = Object.fromEntries(new URLSearchParams(right));
    return { path: parsePath(left), params: parseParams({ ...form, ...json, ...query, ...inPath }) };
  } catch (error) {
    if (error instanceof PathError || error instanceof ParamsError) return undefined;
    throw error;
  }
}
