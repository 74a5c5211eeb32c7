import { fileURLToPath } from "node:url";
import type { Job } from "../load/index.ts";
import type { TransportName } from "../load/transports.ts";
import { type Programs, type Running, start } from "../programs.ts";
import type { Sample } from "../sample.ts";

/**
 * Calls of a tool at 50 connections, both over the demo in their own process: the product, and bare. Counted for each
 * second that the server itself computed, so that other programs on the machine hardly change the figure.
 */
export function calls(transport: TransportName): (programs: Programs) => Promise<Sample[]> {
  return async ({ ours, bare }) => {
    await using our = await start(ours, ["--demo"]);
    await using their = await start(bare);
    const job: Job = {
      transport,
      ours: address(our),
      theirs: address(their),
      connections: 50,
      rounds: 15,
      turnMs: 400,
    };
    const load = Bun.spawn(
      [process.execPath, fileURLToPath(new URL("../load/index.ts", import.meta.url)), JSON.stringify(job)],
      { stdin: "ignore", stdout: "pipe", stderr: "pipe", timeout: 60_000 },
    );
    const [samples, said, code] = await Promise.all([load.stdout.text(), load.stderr.text(), load.exited]);
    if (code !== 0) throw new Error(`the load ended with ${code}: ${said}`);
    return JSON.parse(samples) as Sample[];
  };
}

function address({ url, pid }: Running) {
  return { url, pid };
}
