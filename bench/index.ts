import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { budgets } from "./budgets.ts";
import { buildPrograms } from "./programs.ts";
import { aligned, failed, header, type Row, row } from "./table.ts";

// Measures the product against its budgets and prints the table. It judges nothing: on a busy machine any figure may be
// off, which its spread shows, so the exit code is 0 whatever they are.
const folder = await mkdtemp(join(tmpdir(), "proxmox-mcp-bench-"));
try {
  const programs = await buildPrograms(folder);
  const rows: Row[] = [];
  for (const budget of budgets) {
    rows.push(
      await budget.measure(programs).then(
        (samples) => row(budget, samples),
        (error: unknown) => failed(budget, error),
      ),
    );
  }
  process.stdout.write(`${aligned([header, ...rows])}\n`);
} finally {
  await rm(folder, { recursive: true });
}
