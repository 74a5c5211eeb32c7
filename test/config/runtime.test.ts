import { expect, test } from "bun:test";
import { join } from "node:path";
import { loadRuntimeFolders } from "../../src/config/runtime.ts";
import { privateFolder } from "../support/private-folder.ts";

const uid = process.getuid?.() ?? 0;
/** A user who has no folder anywhere. */
const nobody = 4_000_000;

test("the setting wins alone, its flag first, and is relative to the working directory", () => {
  const env = { MCP_RUNTIME_DIR: "/from/variable", RUNTIME_DIRECTORY: "/run/unit" };
  const only = (own: string) => ({ own, searched: [own] });
  expect(loadRuntimeFolders({ flags: {}, env }, "/work")).toEqual(only("/from/variable"));
  expect(loadRuntimeFolders({ flags: { "runtime-dir": "flag" }, env }, "/work")).toEqual(only("/work/flag"));
  expect(() => loadRuntimeFolders({ flags: { "runtime-dir": "" }, env }, "/work")).toThrow("--runtime-dir: is empty");
});

test("then systemd's folder, XDG_RUNTIME_DIR and TMPDIR, and commands look in all of them", async () => {
  await using xdg = await privateFolder();
  const folders = (env: Record<string, string>, user = uid) => loadRuntimeFolders({ flags: {}, env }, "/work", user);
  const temporary = `/tmp/proxmox-mcp-${uid}`;
  const all = { RUNTIME_DIRECTORY: "/run/a:/run/b", XDG_RUNTIME_DIR: xdg.path, TMPDIR: "/var/tmp" };
  expect(folders(all).own).toBe("/run/a");
  expect(folders(all).searched).toEqual(
    expect.arrayContaining([
      "/run/a",
      join(xdg.path, "proxmox-mcp"),
      `/var/tmp/proxmox-mcp-${uid}`,
      temporary,
      "/run/proxmox-mcp",
    ]),
  );
  expect(folders({ TMPDIR: "/var/tmp" }, nobody).own).toBe(`/var/tmp/proxmox-mcp-${nobody}`);
  expect(folders({}, nobody)).toEqual({
    own: `/tmp/proxmox-mcp-${nobody}`,
    searched: [`/tmp/proxmox-mcp-${nobody}`, "/run/proxmox-mcp"],
  });
});

test("an XDG_RUNTIME_DIR of another user, as sudo -E keeps it, a missing one and a relative one are passed over", async () => {
  await using xdg = await privateFolder();
  for (const folder of [xdg.path, "/nonexistent", "relative"]) {
    const { searched } = loadRuntimeFolders({ flags: {}, env: { XDG_RUNTIME_DIR: folder } }, "/work", nobody);
    expect(searched).toEqual([`/tmp/proxmox-mcp-${nobody}`, "/run/proxmox-mcp"]);
  }
});
