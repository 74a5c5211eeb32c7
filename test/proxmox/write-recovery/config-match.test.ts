import { expect, test } from "bun:test";
import fc from "fast-check";
import type { Params } from "../../../src/proxmox/params.ts";
import { hasValues, matchesConfig } from "../../../src/proxmox/write-recovery/config-match.ts";
import { expectLinear } from "../../support/growth.ts";

const shown = {
  cores: 2,
  memory: "1024",
  onboot: 1,
  tags: "a;b",
  content: "vztmpl,iso",
  description: "two\nlines\n",
  net0: "virtio=BC:24:11:00:00:01,bridge=vmbr0",
  nodes: { pve1: 1 },
  digest: "d",
};

const same: Params[] = [
  { cores: 2 },
  { cores: "2", memory: 1024 },
  { onboot: true },
  { onboot: "1" },
  { tags: "b,a" },
  { tags: ["b", "a"] },
  { content: "iso,vztmpl" },
  { description: "two\nlines" },
  { delete: "boot,scsi0" },
  { delete: ["boot"], cores: 2, digest: "before", skiplock: true },
];

test.each(same)("%j is all there", (params) => {
  expect(hasValues(shown, params)).toBe(true);
});

const different: Params[] = [
  {},
  { digest: "d" },
  { cores: 3 },
  { cores: 2, memory: 2048 },
  { onboot: false },
  { tags: "a" },
  { content: "iso" },
  { description: "two" },
  { delete: "cores" },
  { delete: ["boot", "tags"] },
  { net0: "virtio,bridge=vmbr0" },
  { nodes: "pve1" },
  { cipassword: "secret" },
  { hasOwnProperty: "x" },
];

test.each(different)("%j is not surely all there", (params) => {
  expect(hasValues(shown, params)).toBe(false);
});

test("one value that is not there is enough, whatever the others are", () => {
  fc.assert(
    fc.property(fc.dictionary(fc.stringMatching(/^[a-z]{1,8}$/), fc.integer()), fc.integer(), (values, other) => {
      const params = { ...values, zzzzzzzzz: other };
      expect(hasValues({ ...values, zzzzzzzzz: other }, params)).toBe(true);
      expect(hasValues({ ...values, zzzzzzzzz: other + 1 }, params)).toBe(false);
      expect(hasValues(values, params)).toBe(false);
    }),
  );
});

const stored = {
  net0: "virtio=BC:24:11:00:00:01,bridge=vmbr0,firewall=1",
  scsi0: "vmdata:150/vm-150-disk-0.raw,size=1G,ssd=1",
};

test("a value that Proxmox completed has all that was sent, and perhaps more", () => {
  expect(matchesConfig(stored, { net0: "virtio,bridge=vmbr0" })).toBe(true);
  expect(matchesConfig(stored, { scsi0: "vmdata:1,ssd=1", net0: "virtio" })).toBe(true);
  expect(matchesConfig(stored, { scsi0: "vmdata:1,format=raw" })).toBe(true);
  for (const other of ["e1000,bridge=vmbr0", "virtio,bridge=vmbr1", "virtio=BC:24:11:00:00:02,bridge=vmbr0"]) {
    expect(matchesConfig(stored, { net0: other })).toBe(false);
  }
  for (const other of ["vmdata:2", "local:1", "vmdata:1,discard=on", "vmdata:150/vm-150-disk-1.raw"]) {
    expect(matchesConfig(stored, { scsi0: other })).toBe(false);
  }
  expect(matchesConfig(stored, { scsi1: "vmdata:1" })).toBe(false);
});

test.each([
  ["whole", "last=1"],
  ["completed", "last"],
])("many parts, each of them the last one that is stored, take linear time when %s", async (_, part) => {
  const make = (size: number) => ({
    stored: Array.from({ length: size }, (_, index) => `k${index}=v`)
      .concat("last=1")
      .join(","),
    sent: Array.from({ length: size }, () => part).join(","),
  });
  await expectLinear(make, ({ stored, sent }) => matchesConfig({ net0: stored }, { net0: sent }), { small: 500 });
});
