import { loadConfig } from "../../../src/config/clusters/load.ts";

// Prints where the configuration came from: `load-child.ts FILE`, or `load-child.ts "" FOLDER` to look for it there.
const [config = "", cwd = "/"] = process.argv.slice(2);
try {
  const { source } = await loadConfig({ env: {}, cwd, systemFile: "/nowhere", ...(config !== "" && { config }) });
  process.stdout.write(source);
} catch (error) {
  process.stdout.write(String(error));
}
