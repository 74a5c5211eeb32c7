import type { ApiPath } from "../proxmox/path.ts";

/** A path of a tree of templates. */
export interface FoundTemplate {
  /** `/nodes/{node}/qemu/{vmid}/config`. */
  readonly template: string;
  /** What stands for the template's variables, where the path that was looked up says it: `{node: "pve1"}`. */
  readonly values: Readonly<Record<string, string>>;
}

/** A step of the tree: where each segment leads on. */
interface Branch {
  readonly literals: Map<string, Branch>;
  variable: { readonly name: string; readonly branch: Branch } | undefined;
  template: string | undefined;
}

/** Templates of paths, to be found by a path with real values in it (`/nodes/pve1/qemu/104`), with templates, or with both. */
export class TemplateTree {
  readonly #root = grow();

  constructor(templates: Iterable<string>) {
    for (const template of templates) plant(this.#root, template);
  }

  /** The template that a path is. */
  find(path: ApiPath): FoundTemplate | undefined {
    const values: Record<string, string> = {};
    const template = descend(this.#root, path, values);
    return template === undefined ? undefined : { template, values };
  }
}

function grow(): Branch {
  return { literals: new Map(), variable: undefined, template: undefined };
}

function plant(root: Branch, template: string): void {
  let branch = root;
  for (const segment of template.split("/").filter((it) => it !== "")) {
    const name = variableName(segment);
    if (name !== undefined) {
      branch.variable ??= { name, branch: grow() };
      branch = branch.variable.branch;
    } else {
      const next = branch.literals.get(segment) ?? grow();
      branch.literals.set(segment, next);
      branch = next;
    }
  }
  branch.template = template;
}

/** A literal segment goes before a variable, and a way that ends nowhere is left again. */
function descend(branch: Branch, path: ApiPath, values: Record<string, string>, at = 0): string | undefined {
  const segment = path[at];
  if (segment === undefined) return branch.template;
  const literal = branch.literals.get(segment);
  const found = literal === undefined ? undefined : descend(literal, path, values, at + 1);
  if (found !== undefined || branch.variable === undefined) return found;
  const template = descend(branch.variable.branch, path, values, at + 1);
  if (template !== undefined && variableName(segment) === undefined) values[branch.variable.name] = segment;
  return template;
}

function variableName(segment: string): string | undefined {
  return segment.length > 2 && segment.startsWith("{") && segment.endsWith("}") ? segment.slice(1, -1) : undefined;
}
