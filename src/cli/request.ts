import { ConfigError } from "../config/error.ts";
import { readText } from "../config/files/file.ts";
import { nearest } from "../config/nearest.ts";
import { parseParams } from "../proxmox/params.ts";
import { parsePath } from "../proxmox/path.ts";
import type { ProxmoxRequest } from "../proxmox/request.ts";

/** The methods, in HTTP's words and in those of `pvesh`. */
const methods: Readonly<Record<string, ProxmoxRequest["method"]>> = {
  get: "GET",
  post: "POST",
  create: "POST",
  put: "PUT",
  set: "PUT",
  delete: "DELETE",
};

/**
 * Reads a request as it is written on a command line: method, path, then `key=value`. A key that comes again makes a
 * list; `key=@file` takes the file's text, and `key=@@text` is a text that begins with an "@".
 * @throws {ConfigError} for words that are none of these, {PathError}, {ParamsError}.
 */
export function readRequest([method = "", path = "", ...pairs]: readonly string[]): ProxmoxRequest {
  return { method: readMethod(method), path: readPath(path), params: parseParams(readPairs(pairs)) };
}

function readMethod(word: string): ProxmoxRequest["method"] {
  const known = Object.keys(methods);
  const method = methods[word.toLowerCase()];
  if (method !== undefined) return method;
  const near = nearest(word, known);
  throw new ConfigError(
    `${word}: there is no such method.${near === undefined ? "" : ` Did you mean ${near}?`} Valid: ${known.join(", ")}.`,
  );
}

function readPath(text: string): ProxmoxRequest["path"] {
  if (text.includes("?")) {
    throw new ConfigError(`${text}: holds a "?"; write parameters behind the path, as key=value.`);
  }
  return parsePath(text);
}

function readPairs(pairs: readonly string[]): Record<string, string | string[]> {
  const params = new Map<string, string[]>();
  for (const pair of pairs) {
    const mark = pair.indexOf("=");
    if (mark < 1) throw new ConfigError(`${pair}: parameters are written key=value, such as memory=2048.`);
    const key = pair.slice(0, mark);
    params.set(key, [...(params.get(key) ?? []), readValue(pair.slice(mark + 1))]);
  }
  return Object.fromEntries(
    [...params].map(([key, [only = "", ...more]]) => [key, more.length === 0 ? only : [only, ...more]]),
  );
}

function readValue(text: string): string {
  if (!text.startsWith("@")) return text;
  return text.startsWith("@@") ? text.slice(1) : readText(text.slice(1), process.cwd()).text;
}
