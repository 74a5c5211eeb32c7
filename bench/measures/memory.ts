import { Connection } from "../load/connection.ts";
import { type Programs, type Running, start, twoClusters } from "../programs.ts";
import { repeat, type Sample } from "../sample.ts";

/** How long a program is left alone before its memory is looked at, in milliseconds. */
const restMs = 1000;

/** Memory of a program that started and was asked once, in MiB: the product with two clusters, and hello. */
export async function idleMemory({ ours, hello, folder }: Programs): Promise<Sample[]> {
  const args = await twoClusters(folder);
  return await repeat(3, async () => {
    await using our = await start(ours, args);
    await using their = await start(hello);
    await Bun.sleep(restMs);
    return { ours: (await residentKiB(our)) / 1024, theirs: (await residentKiB(their)) / 1024 };
  });
}

/** What one more open SSE stream without traffic takes, in KiB: the mean over many. */
export async function idleSseSession({ ours, folder }: Programs): Promise<Sample[]> {
  const args = await twoClusters(folder);
  const many = 200;
  return await repeat(3, async () => {
    await using our = await start(ours, args);
    // The first ones also pay for code that runs for the first time.
    await openStreams(our, 50);
    const before = await residentKiB(our);
    await openStreams(our, many);
    return { ours: ((await residentKiB(our)) - before) / many };
  });
}

async function openStreams({ url }: Running, count: number): Promise<void> {
  for (let i = 0; i < count; i++) await (await Connection.open(new URL(url))).stream("/sse");
  await Bun.sleep(restMs);
}

/** Resident memory, which Linux tells. */
async function residentKiB({ pid }: Running): Promise<number> {
  const status = await Bun.file(`/proc/${pid}/status`).text();
  return Number(/^VmRSS:\s*(\d+) kB$/m.exec(status)?.[1]);
}
