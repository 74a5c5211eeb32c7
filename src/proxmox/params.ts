/** A parameter's value; a list goes out as a repeated key, a boolean as `1` or `0`. */
export type ParamValue = string | number | boolean | readonly (string | number | boolean)[];

/** The parameters of one request, by name. */
export type Params = Readonly<Record<string, ParamValue>>;

/** Something is no parameter that Proxmox could read; the message names the parameter. */
export class ParamsError extends Error {
  override readonly name = "ParamsError";
}

/**
 * Reads the parameters of a request from anything, such as a tool's `data`; `undefined` means none.
 * @throws ParamsError that names the parameter: `null`, objects, empty or nested lists and numbers that are not exact have no form on Proxmox's wire.
 */
export function parseParams(input: unknown): Params {
  if (input === undefined) return {};
  if (typeof input !== "object" || input === null || Array.isArray(input)) {
    throw new ParamsError(`The parameters must be an object such as {"memory": 2048}, not ${kindOf(input)}.`);
  }
  return Object.fromEntries(
    Object.entries(input).map(([name, value]) => {
      checkName(name);
      return [name, readValue(name, value)];
    }),
  );
}

/**
 * Parameters in the form of a query or an urlencoded body. `;`, `=` and `+` inside values are encoded: a raw `;`
 * separates parameters for Proxmox.
 */
export function encodeParams(params: Params): string {
  const pairs = new URLSearchParams();
  for (const [name, value] of Object.entries(params)) {
    for (const item of typeof value === "object" ? value : [value]) {
      pairs.append(name, typeof item === "boolean" ? (item ? "1" : "0") : String(item));
    }
  }
  return pairs.toString();
}

function checkName(name: string): void {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
  if (name === "" || /[\u0000-\u001f\u007f]/.test(name) || !name.isWellFormed()) {
    throw new ParamsError(
      `A parameter's name is ${name === "" ? "empty" : `not plain text: ${JSON.stringify(name)}`}.`,
    );
  }
}

function readValue(name: string, value: unknown): ParamValue {
  if (!Array.isArray(value)) return readItem(name, value);
  if (value.length === 0) {
    throw new ParamsError(
      `The parameter "${name}" is an empty list; leave it out, or unset it with Proxmox's "delete" parameter.`,
    );
  }
  return value.map((item) => readItem(`${name}[]`, item));
}

function readItem(name: string, value: unknown): string | number | boolean {
  if (typeof value === "boolean") return value;
  if (typeof value === "string") {
    if (value.isWellFormed()) return value;
    throw new ParamsError(`The parameter "${name}" holds half of a character (a lone surrogate).`);
  }
  if (typeof value === "number") {
    if (Number.isFinite(value) && Math.abs(value) <= Number.MAX_SAFE_INTEGER) return value;
    throw new ParamsError(`The parameter "${name}" is ${value}, which is no exact number; send it as a string.`);
  }
  if (value === null || value === undefined) {
    throw new ParamsError(
      `The parameter "${name}" is ${value}; leave it out, or unset it with Proxmox's "delete" parameter.`,
    );
  }
  throw new ParamsError(
    `The parameter "${name}" is ${kindOf(value)}; Proxmox takes a string such as "virtio,bridge=vmbr0", a number, a boolean or a list of these.`,
  );
}

function kindOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "a list";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}
