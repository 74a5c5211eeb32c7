/** A place in a JSON answer; lists count by their first element that has it: `data[].name`. */
export interface Field {
  /** `GET /nodes/pve1/qemu?full=1`. */
  readonly request: string;
  readonly at: string;
}

type Send = (request: Request) => Promise<Response>;

/**
 * What clusters answered, to be answered once more with a text in one place. Each request is answered as it was; one
 * that came several times as it was then, one after the other.
 */
export class RecordedAnswers {
  readonly #answers = new Map<string, string[]>();
  #next = new Map<string, number>();
  #replaced: { readonly field: Field; readonly text: string } | undefined;
  #isRecording = true;

  /** Records what is answered, until {@link replay}. */
  readonly around = async (request: Request, send: Send): Promise<Response> => {
    const name = nameOf(request);
    if (this.#isRecording) {
      const response = await send(request);
      const type = response.headers.get("content-type") ?? "";
      if (response.status !== 200 || !type.includes("json")) return response;
      const body = await response.text();
      this.#answers.set(name, [...(this.#answers.get(name) ?? []), body]);
      return new Response(body, { headers: response.headers });
    }
    const turn = this.#next.get(name) ?? 0;
    this.#next.set(name, turn + 1);
    const all = this.#answers.get(name);
    const body = all?.[Math.min(turn, all.length - 1)];
    if (body === undefined) return await send(request);
    const replaced = this.#replaced?.field.request === name ? this.#body(body) : body;
    return new Response(replaced, { headers: { "content-type": "application/json;charset=UTF-8" } });
  };

  /** Every place of every answer that holds a value. */
  get fields(): readonly Field[] {
    return [...this.#answers].flatMap(([request, bodies]) => {
      const places = new Set(bodies.flatMap((body) => [...leavesOf(JSON.parse(body), "")]));
      return [...places].map((at) => ({ request, at }));
    });
  }

  /** From now on answers as recorded, from the beginning, with this text in one place. */
  replay(field?: Field, text = ""): void {
    this.#isRecording = false;
    this.#next = new Map();
    this.#replaced = field && { field, text };
  }

  #body(body: string): string {
    const { field, text } = this.#replaced ?? {};
    const value: unknown = JSON.parse(body);
    if (field !== undefined && text !== undefined) put(value, field.at.split(/\.|(?=\[)/).filter(Boolean), text);
    return JSON.stringify(value);
  }
}

function nameOf({ method, url }: Request): string {
  const { host, pathname, search } = new URL(url);
  return `${method} ${host}${pathname.replace("/api2/json", "")}${search}`;
}

function* leavesOf(value: unknown, at: string): Generator<string> {
  if (Array.isArray(value)) for (const item of value) yield* leavesOf(item, `${at}[]`);
  else if (typeof value === "object" && value !== null) {
    for (const [key, part] of Object.entries(value)) {
      // Names with a dot stand for themselves nowhere that matters here.
      if (!/[.[\]]/.test(key)) yield* leavesOf(part, at === "" ? key : `${at}.${key}`);
    }
    if (at !== "") yield `${at}.<key>`;
  } else if (value !== null) yield at;
}

/** Puts a text where the path leads first; the key `<key>` stands for the name of a further one. */
function put(value: unknown, [key = "", ...rest]: readonly string[], text: string): boolean {
  if (key === "[]")
    return (
      Array.isArray(value) && (rest.length === 0 ? putFirst(value, text) : value.some((item) => put(item, rest, text)))
    );
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const record = value as Record<string, unknown>;
  if (key === "<key>") record[text] = "x";
  else if (!Object.hasOwn(record, key)) return false;
  else if (rest.length > 0) return put(record[key], rest, text);
  else record[key] = text;
  return true;
}

function putFirst(list: unknown[], text: string): boolean {
  if (list.length > 0) list[0] = text;
  return list.length > 0;
}
