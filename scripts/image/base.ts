import { chmod, chown, mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { run } from "./shell.ts";

/** A Debian release that distroless images are made of. */
interface Release {
  readonly codename: string;
  /** What `base-nossl` holds, from distroless' `static/config.bzl` and `base/config.bzl`; `base-files` comes first, for its links. */
  readonly packages: readonly string[];
}

const releases: Readonly<Record<string, Release>> = {
  "gcr.io/distroless/base-nossl-debian12:nonroot": {
    codename: "bookworm",
    packages: ["base-files", "netbase", "tzdata", "media-types", "libc6"],
  },
  "gcr.io/distroless/base-nossl-debian13:nonroot": {
    codename: "trixie",
    packages: ["base-files", "netbase", "tzdata", "tzdata-legacy", "media-types", "libc6"],
  },
};

/** What distroless adds to the packages (its `common/BUILD.bazel`, `static/nsswitch.conf`), as far as programs see it. */
const files: Readonly<Record<string, string>> = {
  "etc/passwd": [
    "root:x:0:0:root:/root:/sbin/nologin",
    "nobody:x:65534:65534:nobody:/nonexistent:/sbin/nologin",
    "nonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin",
    "",
  ].join("\n"),
  "etc/group": "root:x:0:\nnobody:x:65534:\ntty:x:5:\nstaff:x:50:\nnonroot:x:65532:\n",
  "etc/nsswitch.conf": "passwd: compat\ngroup: compat\nhosts: files dns\n",
};

/** The environment that distroless gives its containers (its `static/static.bzl`). */
export const baseEnvironment = {
  PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
  SSL_CERT_FILE: "/etc/ssl/certs/ca-certificates.crt",
  HOME: "/home/nonroot",
} as const;

/** The archive of packages cannot be reached from here, or has none of the release: nothing is shown, neither right nor wrong. */
export class Unreachable extends Error {}

/** Where this system's own archives are written down: the files that Debian's installer and images use. */
const sources = ["/etc/apt/sources.list.d/debian.sources", "/etc/apt/sources.list"];

/**
 * Makes the files of a distroless base image, out of the packages it is made of, as this system's archive has them now.
 * @param base the image's name; only those whose packages are known here.
 * @param root an empty folder to fill.
 * @param work another, for what is downloaded.
 * @returns the packages with their versions.
 * @throws {Unreachable} when its archive cannot be read.
 */
export async function makeBase(base: string, root: string, work: string): Promise<string[]> {
  const release = releases[base];
  if (release === undefined) throw new Error(`What is in ${base} is not known here, only: ${Object.keys(releases)}.`);
  const apt = await aptFor(release.codename, work);
  await run(["apt-get", ...apt, "update"]).catch((error: unknown) => {
    throw new Unreachable(`the archive of ${release.codename} cannot be read`, { cause: error });
  });
  await run(["apt-get", ...apt, "download", ...release.packages, "ca-certificates"], { cwd: work });
  const archives = (await readdir(work)).filter((name) => name.endsWith(".deb"));
  const archiveOf = (name: string) => join(work, archives.find((archive) => archive.startsWith(`${name}_`)) ?? name);
  for (const name of release.packages) await run(["dpkg-deb", "--extract", archiveOf(name), root]);

  const authorities = join(work, "ca-certificates");
  await run(["dpkg-deb", "--extract", archiveOf("ca-certificates"), authorities]);
  const bundle = await run(["sh", "-c", 'cat "$0"/usr/share/ca-certificates/mozilla/*.crt', authorities]);
  await Bun.write(join(root, baseEnvironment.SSL_CERT_FILE), bundle);
  for (const [path, text] of Object.entries(files)) await Bun.write(join(root, path), text);
  await mkdir(join(root, "home/nonroot"), { recursive: true });
  await chown(join(root, "home/nonroot"), 65532, 65532);
  await chmod(join(root, "home/nonroot"), 0o700);
  await mkdir(join(root, "proc"), { recursive: true });
  await chmod(root, 0o755);
  return archives
    .map((archive) =>
      archive
        .replace(/_[^_]*\.deb$/, "")
        .replace("_", " ")
        .replace("%3a", ":"),
    )
    .sort();
}

/** apt's options for a release that need not be this system's own: its archives and proxy, another list of packages. */
async function aptFor(codename: string, work: string): Promise<string[]> {
  const own = /^VERSION_CODENAME=(\w+)$/m.exec(await Bun.file("/etc/os-release").text())?.[1] ?? "";
  const lists = await Promise.all(
    sources.map(async (path) =>
      (await Bun.file(path).exists()) ? { path, text: await Bun.file(path).text() } : undefined,
    ),
  );
  const list = lists.find((found) => found?.text.includes(own));
  if (list === undefined || own === "") {
    throw new Unreachable(`none of ${sources.join(", ")} names an archive of this system`);
  }
  const file = join(work, list.path.endsWith(".sources") ? "archive.sources" : "archive.list");
  await Bun.write(file, list.text.replaceAll(own, codename));
  for (const folder of ["state/lists/partial", "cache/archives/partial"]) {
    await mkdir(join(work, folder), { recursive: true });
  }
  return [
    `Dir::Etc::sourcelist=${file}`,
    "Dir::Etc::sourceparts=/dev/null",
    `Dir::State=${join(work, "state")}`,
    "Dir::State::status=/dev/null",
    `Dir::Cache=${join(work, "cache")}`,
    "Acquire::Languages=none",
    // apt's own user cannot write to our folder.
    "APT::Sandbox::User=root",
    "APT::Update::Error-Mode=any",
  ].flatMap((option) => ["--option", option]);
}
