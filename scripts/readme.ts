import { fileURLToPath } from "node:url";
import schema from "../schema/clusters.schema.json" with { type: "json" };
import { subCommands } from "../src/cli/index.ts";
import { settings } from "../src/config/server/settings.ts";
import { tools } from "../src/tools/catalog/index.ts";

/** The README, whose tables this script writes between their markers. */
export const readme = fileURLToPath(new URL("../README.md", import.meta.url));

/** The README's text with every generated table as the definitions have it now. */
export function withTables(text: string): string {
  return Object.entries(tables).reduce((result, [name, rows]) => {
    const [begin, end] = [`<!-- ${name} -->\n`, `<!-- /${name} -->`];
    const [from, to] = [result.indexOf(begin) + begin.length, result.indexOf(end)];
    if (from < begin.length || to < from)
      throw new Error(`README.md has no place for the table "${name}": ${begin}${end}`);
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
  const file = Bun.file(readme);
  await file.write(withTables(await file.text()));
}
