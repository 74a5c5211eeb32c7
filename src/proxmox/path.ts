/** A path of the API as its decoded segments, none of them empty: `["nodes", "pve1", "qemu", "100"]`. */
export type ApiPath = readonly string[];

/** A text is no path of the API; the message says why and what to write instead. */
export class PathError extends Error {
  override readonly name = "PathError";
}

/** The longest path, in characters: Proxmox closes the connection without an answer when the headers exceed 8 KiB. */
export const maxPathLength = 2048;

/** C0, DEL and C1: none of them is part of any name in Proxmox. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
const control = /[\u0000-\u001f\u007f-\u009f]/;

/**
 * Reads a path, with or without a leading slash or `/api2/json`. It is split at slashes and each segment is
 * percent-decoded exactly once. Only Proxmox's greedy last parameters may hold slashes, raw or as `%2F`:
 * `/nodes/{node}/storage/{storage}/content/{volume}` and `.../firewall/ipset/{name}/{cidr}`.
 * @throws PathError for anything that Proxmox or something on the way could read differently.
 */
export function parsePath(text: string): ApiPath {
  if (text === "")
    throw new PathError("The path is empty; write one such as /nodes, or / for the list of what there is.");
  if (text.length > maxPathLength) {
    throw new PathError(`The path has ${text.length} characters; at most ${maxPathLength} are possible.`);
  }
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(text)) {
    throw new PathError(
      `The path ${shown(text)} is a URL; write only what follows /api2/json, such as /nodes/pve1/status.`,
    );
  }
  if (text.includes("?")) {
    throw new PathError(`The path ${shown(text)} holds a "?"; put the parameters of the query into "data" instead.`);
  }
  const pieces = (text.startsWith("/") ? text.slice(1) : text).split("/");
  if (pieces.length > 1 && pieces.at(-1) === "") {
    throw new PathError(
      `The path ${shown(text)} ends in a slash; leave it out, or fill in the value that is missing after it.`,
    );
  }
  if (pieces.length === 1 && pieces[0] === "") return [];
  const path = joinGreedy(
    withoutPrefix(
      pieces.map((piece) => decode(piece, text)),
      text,
    ),
  );
  checkPath(path);
  return path;
}

/** A path for people: `/nodes/pve1/qemu/100`, decoded. */
export function formatPath(path: ApiPath): string {
  return `/${path.join("/")}`;
}

/**
 * A path for the wire, each segment percent-encoded: `/nodes/pve1/storage/local/content/local%3Aiso%2Fx.iso`.
 * @throws PathError for segments that {@link parsePath} would not have given.
 */
export function encodePath(path: ApiPath): string {
  checkPath(path);
  return `/${path.map(encodeURIComponent).join("/")}`;
}

function decode(piece: string, text: string): string {
  try {
    return decodeURIComponent(piece);
  } catch {
    throw new PathError(
      `The path ${shown(text)} holds a "%" that encodes no UTF-8 text; write a literal "%" as "%25".`,
    );
  }
}

function withoutPrefix(segments: readonly string[], text: string): readonly string[] {
  if (segments[0] !== "api2") return segments;
  // Twice is refused: what is left would mean something else when it is read once more.
  if (segments[1] === "json" && segments[2] !== "api2") return segments.slice(2);
  throw new PathError(
    `The path ${shown(text)} asks for another format than /api2/json; leave "/api2/..." out, it is added.`,
  );
}

/** The index of the segment that takes the rest of the path, slashes and all; `undefined` where there is none. */
function greedyIndex(path: readonly string[]): number | undefined {
  const [first, , third, , fifth] = path;
  if (first === "nodes" && third === "storage" && fifth === "content") return 5;
  const guest = first === "nodes" && (third === "qemu" || third === "lxc");
  // "/guests/{vmid or name}" is this server's own short form of a guest's path.
  const base = first === "cluster" ? 1 : first === "guests" ? 2 : guest ? 4 : undefined;
  return base !== undefined && path[base] === "firewall" && path[base + 1] === "ipset" ? base + 3 : undefined;
}

function joinGreedy(segments: readonly string[]): ApiPath {
  const index = greedyIndex(segments);
  if (index === undefined || segments.length <= index + 1) return segments;
  for (const segment of segments.slice(index)) checkSegment(segment, segments);
  return [...segments.slice(0, index), segments.slice(index).join("/")];
}

function checkPath(path: ApiPath): void {
  const whole = formatPath(path);
  // Before all else, for what was found wrong quotes the path.
  if (whole.length > maxPathLength) throw new PathError(`The path is longer than ${maxPathLength} characters.`);
  const greedy = greedyIndex(path);
  for (const [index, segment] of path.entries()) {
    if (index !== greedy) {
      if (segment.includes("/")) {
        throw new PathError(
          `The path ${shown(whole)} holds a slash (%2F) inside "${segment}"; only a volume and a CIDR may.`,
        );
      }
      checkSegment(segment, path);
    } else {
      for (const part of segment.split("/")) checkSegment(part, path);
    }
  }
  if (path[0] === "nodes" && path[1]?.toLowerCase() === "localhost") {
    throw new PathError(
      `The path ${shown(whole)} names the node "localhost", which Proxmox takes for whichever node answers; name the node.`,
    );
  }
}

function checkSegment(segment: string, path: ApiPath): void {
  const why = faultOf(segment);
  if (why !== undefined) throw new PathError(`The path ${shown(formatPath(path))} holds ${why}`);
}

function faultOf(segment: string): string | undefined {
  if (segment === "") return 'an empty segment ("//"); a value is missing there.';
  if (segment === "." || segment === "..") return `"${segment}"; write the path that is meant.`;
  if (control.test(segment)) return "a control character.";
  if (/[?#\\]/.test(segment)) return 'a "?", "#" or backslash, which no path of the API does.';
  return segment.isWellFormed() ? undefined : "half of a character (a lone surrogate).";
}

/** A path as an error quotes it: one line, cut, control characters visible. */
function shown(text: string): string {
  return JSON.stringify(text.length > 120 ? `${text.slice(0, 120)}...` : text);
}
