import { expect, test } from "bun:test";
import { fileURLToPath } from "node:url";
import { makeIdentity } from "../../support/pki.ts";
import { replyData, startRawServer } from "../../support/raw-server.ts";

const child = fileURLToPath(new URL("descriptors-child.ts", import.meta.url));

/** What a process with at most 64 open files is told: a read and a write without a descriptor, then a read with one. */
async function asks(url: string): Promise<string[]> {
  const command = ["sh", "-c", 'ulimit -n 64; exec "$@"', "sh", process.execPath, child, url];
  const run = Bun.spawn(command, { stdout: "pipe", stderr: "pipe" });
  const [stdout, stderr] = await Promise.all([run.stdout.text(), run.stderr.text()]);
  return `${stdout}${stderr}`.split("\n");
}

const none = (url: string) =>
  `unreachable EMFILE sent=no: this server has no file descriptor left for a connection to ${url}`;

test.skipIf(process.platform === "win32")(
  "without a file descriptor the error says so and blames no node, and the next request works",
  async () => {
    await using proxmox = await startRawServer(replyData([]), { tls: await makeIdentity() });
    expect(await asks(proxmox.url)).toEqual([none(proxmox.url), none(proxmox.url), "answered"]);
  },
);

test.skipIf(process.platform === "win32")(
  "a name that cannot be looked up without one is not called unknown",
  async () => {
    const url = "https://pve1.invalid:8006";
    const [read, write, later] = await asks(url);
    expect([read, write]).toEqual([none(url), none(url)]);
    expect(later).toContain("does not resolve");
  },
);
