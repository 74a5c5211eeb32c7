import type { Image } from "./dockerfile.ts";

/** A process that runs as in a container: its own root, read-only, its own processes, an ordinary user, no rights. */
export interface Container extends AsyncDisposable {
  /** What /proc says of it: its `status` and its `mountinfo`. */
  state(): Promise<{ status: string; mounts: string }>;
  /** Resolves with the first group of a pattern, once its stderr matches it. */
  says(pattern: RegExp): Promise<string>;
  /** Runs another program in it, as the engine runs a health check. */
  exec(command: readonly string[]): Promise<{ code: number; output: string }>;
  /** Asks it to end, as the engine does, and gives its exit code. */
  stop(): Promise<number>;
}

/**
 * In its own namespaces: makes a folder the read-only root of what follows, with /proc and one tmpfs (`PATH:OPTIONS`,
 * as an engine takes it) mounted in it. Ids and rights are dropped after the root was changed, which needs them.
 */
const enter = `set -e
root=$1 uid=$2 gid=$3 tmpfs=$4
shift 4
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mkdir -p "$root\${tmpfs%%:*}"
mount -t tmpfs -o "\${tmpfs#*:}" tmpfs "$root\${tmpfs%%:*}"
mount -o remount,bind,ro "$root"
exec setpriv --clear-groups --no-new-privs --bounding-set=-all,+dac_read_search,+sys_chroot,+setuid,+setgid \\
  unshare --root="$root" --wd=/home/nonroot --setgid="$gid" --setuid="$uid" "$@"`;

/**
 * Starts an image's command in a root folder.
 * @param env the environment as the container sees it, whole.
 * @param tmpfs what is mounted for the control socket, `/run/proxmox-mcp:uid=1,gid=1,mode=0700`.
 */
export function startContainer(
  image: Image,
  root: string,
  command: readonly string[],
  env: Readonly<Record<string, string>>,
  tmpfs: string,
): Container {
  const [uid, gid] = [String(image.uid), String(image.gid)];
  const namespaces = ["unshare", "--mount", "--pid", "--fork"];
  const child = Bun.spawn(
    [...namespaces, "sh", "-c", enter, "sh", root, uid, gid, tmpfs, ...image.entrypoint, ...command],
    {
      env,
      stdin: "ignore",
      stdout: "inherit",
      stderr: "pipe",
    },
  );
  const stderr = child.stderr.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  const says = async (pattern: RegExp): Promise<string> => {
    for (;;) {
      const found = pattern.exec(text)?.[1];
      if (found !== undefined) return found;
      const { done, value } = await stderr.read();
      if (done) throw new Error(`It ended with ${await child.exited} and said: ${text}`);
      text += value;
    }
  };
  const inside = async (): Promise<number> => {
    const children = Bun.file(`/proc/${child.pid}/task/${child.pid}/children`);
    const pid = Number.parseInt(await children.text().catch(() => ""), 10);
    if (!(pid > 1)) throw new Error(`It is not running any more and said: ${text}`);
    return pid;
  };
  return {
    async state() {
      const proc = `/proc/${await inside()}`;
      return { status: await Bun.file(`${proc}/status`).text(), mounts: await Bun.file(`${proc}/mountinfo`).text() };
    },
    says,
    async exec(words) {
      const there = [`--target=${await inside()}`, "--mount", "--pid", "--root", "--wd"];
      const probe = Bun.spawn(["nsenter", ...there, `--setgid=${gid}`, `--setuid=${uid}`, ...words], {
        env,
        stdin: "ignore",
        stdout: "pipe",
        stderr: "pipe",
        timeout: 10_000,
      });
      const [out, err, code] = await Promise.all([probe.stdout.text(), probe.stderr.text(), probe.exited]);
      return { code, output: `${out}${err}`.trim() };
    },
    async stop() {
      process.kill(await inside(), "SIGTERM");
      return await child.exited;
    },
    async [Symbol.asyncDispose]() {
      // `unshare --kill-child` would not do: the kernel forgets that wish when the process changes its user.
      // It may be gone, also between the look and the signal: a server that refuses to start ends by itself.
      await inside()
        .then((pid) => process.kill(pid, "SIGKILL"))
        .catch(() => {});
      await child.exited;
    },
  };
}
