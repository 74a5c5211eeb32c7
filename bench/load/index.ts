import { processorSeconds } from "./processor-time.ts";
import { type Caller, type TransportName, transports } from "./transports.ts";

// The load on two servers in turn, from a process of its own: `bun bench/load/index.ts JOB`. Writes Samples as JSON.

/** What to measure. */
export interface Job {
  readonly transport: TransportName;
  readonly ours: Server;
  readonly theirs: Server;
  readonly connections: number;
  /** How often each server gets its turn. */
  readonly rounds: number;
  /** How long a turn lasts, in milliseconds: far less than the 10 s after which Bun closes a quiet connection. */
  readonly turnMs: number;
}

interface Server {
  readonly url: string;
  readonly pid: number;
}

interface Loaded {
  readonly pid: number;
  readonly callers: readonly Caller[];
}

/** How long each is loaded before it counts: by then the compiler has seen all it needs. */
const warmUpMs = 2000;

if (import.meta.main) {
  process.stdout.write(JSON.stringify(await compare(JSON.parse(process.argv[2] ?? "") as Job)));
}

async function compare({ transport, ours, theirs, connections, rounds, turnMs }: Job) {
  const connect = async ({ url, pid }: Server): Promise<Loaded> => {
    const callers = Array.from({ length: connections }, () => transports[transport](new URL(url)));
    return { pid, callers: await Promise.all(callers) };
  };
  const [our, their] = [await connect(ours), await connect(theirs)];
  await sameAnswers(our, their);
  await callsPerSecond(our, warmUpMs);
  await callsPerSecond(their, warmUpMs);
  const samples: { ours: number; theirs: number }[] = [];
  for (let round = 0; round < rounds; round++) {
    samples.push({ ours: await callsPerSecond(our, turnMs), theirs: await callsPerSecond(their, turnMs) });
  }
  for (const caller of [...our.callers, ...their.callers]) caller.close();
  return samples;
}

/** @throws {Error} when the servers do not do the same: what would be compared then would say nothing. */
async function sameAnswers(our: Loaded, their: Loaded): Promise<void> {
  const [mine, other] = await Promise.all([our.callers[0]?.call(), their.callers[0]?.call()]);
  if (mine !== other) throw new Error(`different answers, so bench/programs/bare.ts is stale:\n${mine}\n${other}`);
  if (mine?.includes('"text":"{\\"cluster\\":\\"alpha\\"') !== true) throw new Error(`not the tool's answer: ${mine}`);
}

/** Calls that all connections make together, per second that the server computed: other programs' work does not count. */
async function callsPerSecond({ pid, callers }: Loaded, turnMs: number): Promise<number> {
  const end = performance.now() + turnMs;
  const before = processorSeconds(pid);
  let calls = 0;
  const run = async ({ call }: Caller) => {
    while (performance.now() < end) {
      await call();
      calls++;
    }
  };
  await Promise.all(callers.map(run));
  return calls / (processorSeconds(pid) - before);
}
