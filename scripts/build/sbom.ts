import { posix, resolve, sep } from "node:path";
import { parse } from "jsonc-parser";
import manifest from "../../package.json" with { type: "json" };
import { root } from "./compile.ts";

/** A package whose code is in the program. */
interface Package {
  /** Its place in `bun.lock`: its name, or `outer/name` where two versions are installed. */
  readonly key: string;
  readonly name: string;
  readonly version: string;
  readonly license: string | undefined;
  readonly dependencies: readonly string[];
}

type Lock = { packages: Record<string, [id: string, registry: string, facts: object, integrity: string]> };

/**
 * The bill of materials of a program: CycloneDX 1.6, with what the bundler put in and nothing else, and Bun itself.
 * @param modules the paths of the program's modules, as `compile` returns them.
 * @throws {Error} for a package that `bun.lock` does not have: the bill would lack its hash.
 */
export async function billOfMaterials(modules: readonly string[], commit: string): Promise<object> {
  const lock = parse(await Bun.file(resolve(root, "bun.lock")).text(), [], { allowTrailingComma: true }) as Lock;
  const packages = await Promise.all([...new Set(modules.flatMap(packageFolder))].sort().map(readPackage));
  const product = `pkg:npm/${manifest.name}@${manifest.version}`;
  const bun = `pkg:npm/bun@${Bun.version}`;
  const refOf = new Map(packages.map((found) => [found.key, purl(found)]));
  const direct = Object.keys(manifest.dependencies).flatMap((name) => refOf.get(name) ?? []);
  return {
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    serialNumber: `urn:uuid:${crypto.randomUUID()}`,
    version: 1,
    metadata: {
      timestamp: new Date().toISOString(),
      component: {
        type: "application",
        "bom-ref": product,
        name: manifest.name,
        version: manifest.version,
        description: manifest.description,
        licenses: [{ license: { id: manifest.license } }],
        properties: [{ name: "commit", value: commit }],
      },
    },
    components: [
      { type: "platform", "bom-ref": bun, name: "bun", version: Bun.version, purl: bun },
      ...packages.map((found) => ({
        type: "library",
        "bom-ref": purl(found),
        name: found.name,
        version: found.version,
        purl: purl(found),
        ...(found.license !== undefined && { licenses: [{ license: { id: found.license } }] }),
        hashes: [{ alg: "SHA-512", content: sha512(lock, found) }],
      })),
    ],
    dependencies: [
      { ref: product, dependsOn: [bun, ...direct] },
      { ref: bun },
      ...packages.map((found) => ({
        ref: purl(found),
        dependsOn: found.dependencies.flatMap((name) => refOf.get(`${found.key}/${name}`) ?? refOf.get(name) ?? []),
      })),
    ],
  };
}

/** `node_modules/a/node_modules/@b/c` of a module in it; nothing for our own. */
function packageFolder(module: string): string[] {
  const path = resolve(module).split(sep).join(posix.sep);
  return /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path) ?? [];
}

async function readPackage(folder: string): Promise<Package> {
  const { name, version, license, dependencies } = await Bun.file(`${folder}/package.json`).json();
  const key = folder.split("/node_modules/").slice(1).join("/");
  return { key, name, version, license, dependencies: Object.keys(dependencies ?? {}) };
}

function purl({ name, version }: Package): string {
  return `pkg:npm/${name.replace("@", "%40")}@${version}`;
}

/** The hash of the package as npm delivers it, in hex. */
function sha512(lock: Lock, { key, name, version }: Package): string {
  const [id, , , integrity = ""] = lock.packages[key] ?? [];
  const [algorithm, base64 = ""] = integrity.split(/-(.*)/s);
  if (id !== `${name}@${version}` || algorithm !== "sha512") {
    throw new Error(`bun.lock has no SHA-512 of ${name} ${version}, which is in the program. Run \`bun install\`.`);
  }
  return Buffer.from(base64, "base64").toString("hex");
}
