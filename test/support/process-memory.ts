/** Anonymous resident memory of a process, in MiB: what it allocated, without the pages of its files. Linux only. */
export async function anonymousMiB(pid: number): Promise<number> {
  const status = await Bun.file(`/proc/${pid}/status`).text();
  return Number(/^RssAnon:\s*(\d+) kB$/m.exec(status)?.[1]) / 1024;
}
