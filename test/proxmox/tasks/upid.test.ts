import { expect, test } from "bun:test";
import fc from "fast-check";
import { parseUpid } from "../../../src/proxmox/tasks/upid.ts";

test("reads a task's handle", () => {
  expect(parseUpid("UPID:pve1:000001CB:0006E988:6B02C95B:qmdestroy:103:mcp@pve!tok:")).toEqual({
    node: "pve1",
    starttime: 1795344731,
    type: "qmdestroy",
    id: "103",
    user: "mcp@pve!tok",
  });
});

test("reads whatever Proxmox can put into one", () => {
  const word = fc.stringMatching(/^[\w.@!+~-]+$/);
  const type = fc.stringMatching(/^[\w.-]+$/);
  const node = fc.stringMatching(/^[A-Za-z0-9]([A-Za-z0-9-]{0,10}[A-Za-z0-9])?$/);
  const number = fc.nat({ max: 0xffffffff });
  const hex = (value: number) => value.toString(16).toUpperCase().padStart(8, "0");
  fc.assert(
    fc.property(
      node,
      number,
      number,
      number,
      type,
      fc.option(word, { nil: "" }),
      word,
      (name, pid, pstart, start, kind, id, user) => {
        const upid = `UPID:${name}:${hex(pid)}:${hex(pstart)}:${hex(start)}:${kind}:${id}:${user}:`;
        expect(parseUpid(upid)).toEqual({ node: name, starttime: start, type: kind, id, user });
        for (const broken of [upid.slice(0, -1), upid.slice(1), `${upid}x`, ` ${upid}`, upid.replace(":", "::")]) {
          expect(parseUpid(broken)).toBeUndefined();
        }
      },
    ),
  );
});

test("what could end a quotation or steer a terminal is in none", () => {
  for (const bad of ["'", '"', "`", "$", ";", "/", "\\", "\u001b", "\u009b", "\u202e", "\0"]) {
    for (const words of [`qm${bad}:1:root@pam`, `qmstart:1${bad}:root@pam`, `qmstart:1:root${bad}@pam`]) {
      expect(parseUpid(`UPID:pve1:000001CB:0006E988:6B02C95B:${words}:`)).toBeUndefined();
    }
  }
  expect(parseUpid("UPID:pve1:000001CB:0006E988:6B02C95B:imgdel:a+b@local-lvm:müller.x@ad!tok:")).toBeDefined();
});

test("any other text is none", () => {
  fc.assert(fc.property(fc.string(), (text) => parseUpid(text) === undefined));
});
