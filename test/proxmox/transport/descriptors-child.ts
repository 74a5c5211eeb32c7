import { closeSync, openSync } from "node:fs";
import { Secret } from "../../../src/config/secret.ts";
import { ProxmoxClient } from "../../../src/proxmox/client.ts";
import { ProxmoxError } from "../../../src/proxmox/errors/proxmox-error.ts";
import { warmUp } from "../../../src/proxmox/transport/warm-up.ts";

// Asks a cluster while no descriptor is left, and once more after that: `descriptors-child.ts URL`. Prints a line for each.
const [url = ""] = process.argv.slice(2);
const client = new ProxmoxClient({
  name: "one",
  endpoints: [url],
  user: "mcp@pve",
  tokenId: "t",
  tokenSecret: new Secret("s"),
  tls: { mode: "off" },
  timeoutMs: 10_000,
  policy: { access: "full", consentFallback: "code", allow: undefined, deny: [], protect: [] },
});

async function ask(method: "GET" | "POST"): Promise<string> {
  try {
    await client.request({ method, path: ["nodes"] });
    return "answered";
  } catch (error) {
    if (!(error instanceof ProxmoxError)) throw error;
    return `${error.kind} ${error.details.code} sent=${error.sent}: ${error.what}`;
  }
}

// As a server does at its start. A write has a connection of its own, and leaves none behind that a read could use.
warmUp({});
await fetch("http://127.0.0.1:0/").catch(() => undefined);
await ask("POST");
const held: number[] = [];
try {
  for (;;) held.push(openSync("/dev/null", "r"));
} catch {
  // Now there is none left.
}
const answers = [await ask("GET"), await ask("POST")];
for (const descriptor of held) closeSync(descriptor);
answers.push(await ask("GET"));
process.stdout.write(answers.join("\n"));
process.exit(0);
