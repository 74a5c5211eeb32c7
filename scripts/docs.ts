import { fileURLToPath } from "node:url";
import schema from "../schema/clusters.schema.json" with { type: "json" };
import { subCommands } from "../src/cli/index.ts";
import { settings } from "../src/config/server/settings.ts";
import { tools } from "../src/tools/catalog/index.ts";

const root = new URL("../", import.meta.url);

/** The pages, and the generated tables of each, between their markers. */
export const pages: Readonly<Record<string, readonly string[]>> = {
  "README.md": [],
  "docs/install.md": [],
  "docs/tools.md": ["tools"],
  "docs/commands.md": ["commands"],
  "docs/settings.md": ["settings", "cluster-settings", "top-keys", "cluster-keys"],
  "docs/troubleshooting.md": [],
};

/** Where a page is, as a file path. */
export function fileOf(page: string): string {
  return fileURLToPath(new URL(page, root));
}

/** A page's text with each of its tables as the definitions have it now. */
export function withTables(page: string, text: string): string {
  return (pages[page] ?? []).reduce((result, name) => {
    const [begin, end] = [`<!-- ${name} -->\n`, `<!-- /${name} -->`];
    const [from, to] = [result.indexOf(begin) + begin.length, result.indexOf(end)];
    const rows = tables[name];
    if (rows === undefined || from < begin.length || to < from) {
      throw new Error(`${page} has no place for the table "${name}": ${begin}${end}`);
    }
    return result.slice(0, from) + rows.map((row) => `| ${row.map(cell).join(" | ")} |\n`).join("") + result.slice(to);
  }, text);
}

const commands = await Promise.all(
  Object.entries(subCommands).map(async ([name, load]) => ({ name, command: await load() })),
);

const tables: Readonly<Record<string, readonly (readonly string[])[]>> = {
  tools: [
    ["Tool", "What it gives"],
    ["---", "---"],
    ...tools.map(({ name, description }) => [code(name), description.split("\n")[0] ?? ""]),
  ],
  settings: [
    ["Variable", "Flag", "Default", "Meaning"],
    ["---", "---", "---", "---"],
    ...settings
      .filter(({ group }) => group !== "cluster")
      .map((setting) => [
        code(setting.variable),
        setting.flag === undefined
          ? ""
          : code(`--${setting.flag}${setting.kind === "switch" ? "" : ` ${setting.hint}`}`),
        setting.default === undefined ? "" : code(setting.default),
        setting.meaning,
      ]),
  ],
  "cluster-settings": [
    ["Variable", "Default", "Meaning"],
    ["---", "---", "---"],
    ...settings
      .filter(({ group }) => group === "cluster")
      .map((setting) => [
        code(setting.variable),
        setting.default === undefined ? "" : code(setting.default),
        setting.meaning,
      ]),
  ],
  commands: [
    ["Command", "What it does", "Example"],
    ["---", "---", "---"],
    ...commands.map(({ name, command: { description, examples } }) => [
      code(name),
      description,
      code(examples[0] ?? ""),
    ]),
  ],
  "top-keys": [
    ["Key of the top level", "Meaning"],
    ["---", "---"],
    ...Object.entries(schema.properties).map(([key, { description }]) => [code(key), description]),
  ],
  "cluster-keys": [
    ["Key of a cluster", "Meaning"],
    ["---", "---"],
    ...Object.entries(schema.properties.clusters.additionalProperties.properties).map(([key, { description }]) => [
      code(key),
      description,
    ]),
  ],
};

function code(text: string): string {
  return `\`${text}\``;
}

/** A pipe would end the cell, a line break the row. */
function cell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("\n", " ");
}

if (import.meta.main) {
  for (const page of Object.keys(pages)) {
    const file = Bun.file(fileOf(page));
    await file.write(withTables(page, await file.text()));
  }
}
