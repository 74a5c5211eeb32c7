import { connect } from "node:net";
import { agreeable, httpClient, type McpClient, modernClient, sseClient, type Target } from "../support/clients.ts";
import { type SoakFleet, startSoakFleet } from "./fleet.ts";
import { reads, run, writesTo } from "./mix.ts";
import { median, type Sample, sampleOf, slopeOf } from "./samples.ts";

// Mixed work on one server for some minutes, `bun run soak [MINUTES]`; by default 10. It fails when an answer is wrong,
// or when memory or descriptors grow.

const minutes = Number(process.argv[2] ?? 10);
if (!(minutes > 0)) {
  process.stderr.write(`soak: ${process.argv[2]} is no number of minutes. Usage: bun run soak [MINUTES]\n`);
  process.exit(2);
}

/** The part of the time in which caches and sessions fill up; growth is judged after it. */
const warmUp = 0.3;

/** What memory may grow by between warm-up and end, as a part of what it is: what a line through noise shows. */
const maxGrowth = 0.1;

/** Shorter runs print the growth without a verdict: the runtime's heap takes some minutes to reach its size. */
const minMinutesForGrowth = 10;

/** Descriptors that may be open at the end and were not at the start, such as idle connections to Proxmox. */
const maxDescriptors = 24;

const open = { http: httpClient, sse: sseClient, modern: modernClient } as const;

const counts = { calls: 0, cancelled: 0, sessionsLeft: 0, streamsCut: 0, refused: 0, reloads: 0 };
const faults: string[] = [];

await using fleet = await startSoakFleet();
const began = performance.now();
const seconds = () => (performance.now() - began) / 1000;
const isOver = () => seconds() > minutes * 60;
const before = sampleOf(fleet.product.pid, 0);
const samples: Sample[] = [];

const sampling = setInterval(() => samples.push(sampleOf(fleet.product.pid, seconds())), 1000);
await Promise.all([
  ...(["http", "sse", "modern"] as const).map(async (name) => await keepReading(name, targetOf(fleet, "reader"))),
  keepWriting("http", "gitlab"),
  keepWriting("modern", "monitoring"),
  keepCancelling(),
  keepLeavingSessions(),
  keepCuttingStreams(),
  keepBeingRefused(),
  keepReloading(),
]);
clearInterval(sampling);
const after = await settled();
report();

/** Reads everything in turn; opens a new connection from time to time, and closes the old one as it should be. */
async function keepReading(name: keyof typeof open, target: Target): Promise<void> {
  while (!isOver()) {
    await using client = await open[name](target);
    for (let turn = 0; turn < 60 && !isOver(); turn++) await judged(client, turn);
  }
}

async function judged(client: McpClient, turn: number): Promise<void> {
  const work = reads[turn % reads.length];
  if (work !== undefined) note(await run(client, work));
}

async function keepWriting(name: "http" | "modern", guest: string): Promise<void> {
  await using client = await open[name]({ ...targetOf(fleet, "agent"), human: agreeable });
  while (!isOver()) {
    for (const work of writesTo(guest)) note(await run(client, work));
  }
}

/** Cancels calls while they run. */
async function keepCancelling(): Promise<void> {
  await using client = await httpClient(targetOf(fleet, "reader"));
  for (let turn = 0; !isOver(); turn++) {
    const stop = new AbortController();
    const work = reads[turn % reads.length];
    const call = client.call(work?.tool ?? "", work?.args, { signal: stop.signal }).catch(() => undefined);
    await Bun.sleep(turn % 7);
    stop.abort();
    await call;
    counts.cancelled += 1;
    await Bun.sleep(20);
  }
}

/** Begins sessions, and leaves them without a word. */
async function keepLeavingSessions(): Promise<void> {
  while (!isOver()) {
    const client = await httpClient(targetOf(fleet, "agent"));
    note(await run(client, { tool: "list_clusters", args: {}, expected: /alpha/ }));
    counts.sessionsLeft += 1;
    // The SDK's own close ends the stream, but never the session.
    await client[Symbol.asyncDispose]();
    await Bun.sleep(50);
  }
}

/** Opens SSE streams and drops their connections. */
async function keepCuttingStreams(): Promise<void> {
  const { url, headers = {} } = targetOf(fleet, "reader");
  while (!isOver()) {
    const stop = new AbortController();
    const response = await fetch(new URL("/sse", url), { headers, signal: stop.signal });
    await response.body?.getReader().read();
    stop.abort();
    counts.streamsCut += 1;
    await Bun.sleep(100);
  }
}

/** What is refused: wrong tokens, no HTTP at all, requests that stop half-way. */
async function keepBeingRefused(): Promise<void> {
  const { url } = fleet.product;
  const { hostname, port } = new URL(url);
  while (!isOver()) {
    const wrong = await fetch(new URL("/mcp", url), { method: "POST", headers: { authorization: "Bearer wrong" } });
    await wrong.text();
    if (wrong.status !== 401) note(`a wrong token was answered with ${wrong.status}`);
    const socket = connect(Number(port), hostname);
    socket.on("error", () => undefined);
    socket.write("POST /mcp HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000\r\n\r\n{");
    await Bun.sleep(50);
    socket.destroy();
    counts.refused += 2;
  }
}

/** Changes the configuration; the caller `guest` calls all the time, known or not. */
async function keepReloading(): Promise<void> {
  for (let turn = 1; !isOver(); turn++) {
    await fleet.reload(turn);
    counts.reloads += 1;
    for (let call = 0; call < 10 && !isOver(); call++) {
      const client = await modernClient(targetOf(fleet, "guest")).catch(() => undefined);
      await client?.call("list_nodes").catch(() => undefined);
      await client?.[Symbol.asyncDispose]();
      await Bun.sleep(200);
    }
  }
  await fleet.reload(0);
}

function targetOf({ product, headersOf }: SoakFleet, caller: Parameters<SoakFleet["headersOf"]>[0]): Target {
  return { url: product.url, headers: headersOf(caller) };
}

function note(fault: string | undefined): void {
  counts.calls += 1;
  if (fault !== undefined) faults.push(fault);
}

/** What is left once all clients are gone: looked at until it is as little as at the start, for 30 s at most. */
async function settled(): Promise<Sample> {
  const end = performance.now() + 30_000;
  for (;;) {
    const sample = sampleOf(fleet.product.pid, seconds());
    if (sample.descriptors <= before.descriptors + maxDescriptors || performance.now() > end) return sample;
    await Bun.sleep(500);
  }
}

function report(): void {
  const judgedSamples = samples.filter((sample) => sample.seconds > minutes * 60 * warmUp);
  const spanMinutes = minutes * (1 - warmUp);
  const rows = (["resident", "anonymous", "descriptors", "threads"] as const).map((figure) => {
    const middle = median(judgedSamples.map((sample) => sample[figure]));
    const slope = slopeOf(judgedSamples.map((sample) => [sample.seconds / 60, sample[figure]]));
    const most = Math.max(...samples.map((sample) => sample[figure]));
    return {
      figure,
      before: before[figure],
      middle,
      most,
      slope,
      growth: (slope * spanMinutes) / middle,
      after: after[figure],
    };
  });
  for (const { figure, growth } of rows) {
    if (minutes >= minMinutesForGrowth && growth > maxGrowth)
      faults.push(`${figure} grows by ${(100 * growth).toFixed(1)} % over ${spanMinutes} minutes`);
  }
  if (after.descriptors > before.descriptors + maxDescriptors) {
    faults.push(`${after.descriptors} descriptors are open at the end, ${before.descriptors} at the start`);
  }
  const logged = fleet.product
    .stderr()
    .split("\n")
    .filter((line) => /fault of this server|unexpected|a request failed/i.test(line));
  faults.push(...logged.map((line) => `log: ${line}`));
  const text = rows.map(
    ({ figure, before: first, middle, most, slope, growth, after: last }) =>
      `${figure.padEnd(12)} ${[first, middle, most, last].map((value) => value.toFixed(1).padStart(8)).join(" ")}` +
      ` ${slope.toFixed(2).padStart(8)}/min ${(100 * growth).toFixed(1).padStart(6)} %`,
  );
  process.stdout.write(
    [
      `${minutes} minutes: ${JSON.stringify(counts)}`,
      `${" ".repeat(12)} ${["start", "median", "most", "end"].map((name) => name.padStart(8)).join(" ")}        slope   growth`,
      ...text,
      faults.length === 0 ? "no fault" : `${faults.length} faults:\n${faults.slice(0, 20).join("\n")}`,
      "",
    ].join("\n"),
  );
  if (faults.length > 0) process.exitCode = 1;
}
