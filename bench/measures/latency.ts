import { transports } from "../load/transports.ts";
import { demoCredentials, type Programs, start, twoClusters } from "../programs.ts";
import { median, repeat, type Sample } from "../sample.ts";

/**
 * A GET through the product to a Proxmox on a socket, and the same GET straight to that Proxmox, one at a time: the
 * medians of rounds in which they take turns, in milliseconds.
 */
export async function proxiedGet({ ours, bare, folder }: Programs): Promise<Sample[]> {
  await using proxmox = await start(bare);
  await using our = await start(ours, await twoClusters(folder, proxmox.url));
  const proxied = await transports.modern(new URL(our.url));
  const { user, tokenId, tokenSecret } = demoCredentials();
  const headers = { Authorization: `PVEAPIToken=${user}!${tokenId}=${tokenSecret}` };
  const direct = async () =>
    await (await fetch(`${proxmox.url}/api2/json/nodes/pve1/qemu/100/config`, { headers })).text();
  if (!(await direct()).startsWith('{"data":{')) throw new Error(`the demo does not answer: ${await direct()}`);
  const round = async () => {
    const [our, their]: [number[], number[]] = [[], []];
    for (let i = 0; i < 200; i++) {
      our.push(await timed(proxied.call));
      their.push(await timed(direct));
    }
    return { ours: median(our), theirs: median(their) };
  };
  // Warms both up.
  await repeat(4, round);
  const samples = await repeat(10, round);
  proxied.close();
  return samples;
}

async function timed(run: () => Promise<unknown>): Promise<number> {
  const begin = performance.now();
  await run();
  return performance.now() - begin;
}
