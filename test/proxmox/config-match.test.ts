import { expect, test } from "bun:test";
import fc from "fast-check";
import type { Params } from "../../src/proxmox/params.ts";
import { hasValues } from "../../src/proxmox/config-match.ts";

const shown = {
  cores: 2,
  memory: "1024",
  onboot: 1,
  tags: "a;b",
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
