import { clustersJsonSchema } from "../src/config/clusters/schema.ts";

// Writes schema/clusters.schema.json; `bun run schema` formats it too.
const path = new URL("../schema/clusters.schema.json", import.meta.url);
await Bun.write(path, `${JSON.stringify(clustersJsonSchema(), null, 2)}\n`);
