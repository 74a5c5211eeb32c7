import { type Programs, start, twoClusters } from "../programs.ts";
import { repeat, type Sample } from "../sample.ts";

/** From start to the first answered `/healthz`, in milliseconds: the product with two clusters, and hello. */
export async function startToAnswer({ ours, hello, folder }: Programs): Promise<Sample[]> {
  const args = await twoClusters(folder);
  const time = async (program: string, more: readonly string[] = []) => {
    await using running = await start(program, more);
    return running.startMs;
  };
  return await repeat(21, async () => ({ ours: await time(ours, args), theirs: await time(hello) }));
}
