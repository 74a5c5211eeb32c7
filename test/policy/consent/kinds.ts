import type { Stage } from "../stage.ts";

/** A call that needs consent, made ready on a stage of its own. */
export interface Prepared {
  readonly method: string;
  readonly path: string;
  readonly data?: Record<string, unknown>;
  /** What a human types, where something is to be typed. */
  readonly word?: string;
  /** A real change of the target, by somebody else, while the human thinks. */
  change(): Promise<unknown>;
  /** What the answer then names. */
  readonly changed: RegExp;
  /** Whether the call was carried out. */
  isDone(): Promise<boolean>;
}

/** A kind of target, and a fresh call on it. */
export interface Kind {
  readonly name: string;
  prepare(stage: Stage): Promise<Prepared>;
}

let next = 0;

/** A name that nothing on any stage has yet. */
function fresh(prefix: string): string {
  return `${prefix}${++next}`;
}

type Rows = readonly Readonly<Record<string, unknown>>[];

async function rows(stage: Stage, path: string): Promise<Rows> {
  return (await stage.admin("GET", path)) as Rows;
}

async function has(stage: Stage, path: string, key: string, value: string): Promise<boolean> {
  return (await rows(stage, path)).some((row) => String(row[key]) === value);
}

/** Every kind of target that consent is asked for. */
export const kinds: readonly Kind[] = [
  {
    name: "guest",
    async prepare(stage) {
      const vmid = await stage.makeGuest("victim", { memory: "512" });
      const path = `/nodes/pve1/qemu/${vmid}`;
      return {
        method: "DELETE",
        path,
        word: "victim",
        change: () => stage.admin("PUT", `${path}/config`, { memory: "1024" }),
        changed: /memory "?512"? -> "?1024"? since the plan/,
        isDone: async () => !(await stage.exists(vmid)),
      };
    },
  },
  {
    name: "disk",
    async prepare(stage) {
      const vmid = await stage.makeGuest("holder", { scsi1: "vmdata:1,format=qcow2" });
      const path = `/nodes/pve1/qemu/${vmid}`;
      return {
        method: "PUT",
        path: `${path}/config`,
        data: { delete: ["scsi1"] },
        word: vmid,
        change: async () => {
          await stage.admin("PUT", `${path}/resize`, { disk: "scsi1", size: "+1G" });
          await Bun.sleep(20);
        },
        changed: /scsi1 .*size=1G.* -> .*size=2G/,
        isDone: async () => {
          const config = (await stage.admin("GET", `${path}/config`)) as Record<string, unknown>;
          return config["scsi1"] === undefined;
        },
      };
    },
  },
  {
    name: "snapshot",
    async prepare(stage) {
      const vmid = await stage.makeGuest("snapped");
      const path = `/nodes/pve1/qemu/${vmid}/snapshot`;
      const take = async (snapname: string) => {
        await stage.admin("POST", path, { snapname });
        await Bun.sleep(20);
      };
      await take("before");
      return {
        method: "DELETE",
        path: `${path}/before`,
        word: vmid,
        change: () => take("precious"),
        changed: /snapshot "?precious"? added/,
        isDone: async () => !(await has(stage, path, "name", "before")),
      };
    },
  },
  {
    name: "rights",
    async prepare(stage) {
      const userid = `${fresh("intern")}@pve`;
      await stage.admin("POST", "/access/users", { userid });
      return {
        method: "PUT",
        path: "/access/acl",
        data: { path: "/vms", users: userid, roles: "PVEVMAdmin" },
        change: () => stage.admin("PUT", "/access/acl", { path: "/vms", users: userid, roles: "PVEAuditor" }),
        changed: /PVEAuditor/,
        isDone: async () =>
          (await rows(stage, "/access/acl")).some((row) => row["ugid"] === userid && row["roleid"] === "PVEVMAdmin"),
      };
    },
  },
  {
    name: "user",
    async prepare(stage) {
      const userid = `${fresh("leaver")}@pve`;
      await stage.admin("POST", "/access/users", { userid });
      return {
        method: "DELETE",
        path: `/access/users/${userid}`,
        change: () => stage.admin("PUT", `/access/users/${userid}`, { comment: "comes back" }),
        changed: /comment .*comes back/,
        isDone: async () => !(await has(stage, "/access/users", "userid", userid)),
      };
    },
  },
  {
    name: "pool",
    async prepare(stage) {
      const poolid = fresh("team");
      const [vmid, other] = [await stage.makeGuest("member"), await stage.makeGuest("joiner")];
      await stage.admin("POST", "/pools", { poolid });
      await stage.admin("PUT", `/pools/${poolid}`, { vms: vmid });
      return {
        method: "PUT",
        path: `/pools/${poolid}`,
        data: { vms: vmid, delete: 1 },
        change: () => stage.admin("PUT", `/pools/${poolid}`, { vms: other }),
        changed: new RegExp(`${other}.* added|member.*${other}`),
        isDone: async () => {
          const { members } = (await stage.admin("GET", `/pools/${poolid}`)) as { members: Rows };
          return !members.some((row) => String(row["vmid"]) === vmid);
        },
      };
    },
  },
  {
    name: "storage",
    async prepare(stage) {
      const storage = fresh("shelf");
      await stage.admin("POST", "/storage", { storage, type: "dir", path: `/srv/${storage}`, content: "iso,backup" });
      return {
        method: "DELETE",
        path: `/storage/${storage}`,
        change: () => stage.admin("PUT", `/storage/${storage}`, { content: "iso,backup,vztmpl" }),
        changed: /content \S*backup\S* -> \S*vztmpl/,
        isDone: async () => !(await has(stage, "/storage", "storage", storage)),
      };
    },
  },
  {
    name: "HA resource",
    async prepare(stage) {
      const sid = `vm:${await stage.makeGuest("watched")}`;
      await stage.admin("POST", "/cluster/ha/resources", { sid, state: "stopped", comment: "one" });
      return {
        method: "DELETE",
        path: `/cluster/ha/resources/${sid}`,
        change: () => stage.admin("PUT", `/cluster/ha/resources/${sid}`, { comment: "two" }),
        changed: /comment "?one"? -> "?two"?/,
        isDone: async () => !(await has(stage, "/cluster/ha/resources", "sid", sid)),
      };
    },
  },
  {
    name: "backup job",
    async prepare(stage) {
      const id = fresh("job-");
      const vmid = await stage.makeGuest("saved");
      await stage.admin("POST", "/cluster/backup", { id, vmid, storage: "backups", schedule: "02:00" });
      return {
        method: "DELETE",
        path: `/cluster/backup/${id}`,
        change: () => stage.admin("PUT", `/cluster/backup/${id}`, { schedule: "04:00" }),
        changed: /schedule "?02:00"? -> "?04:00"?/,
        isDone: async () => !(await has(stage, "/cluster/backup", "id", id)),
      };
    },
  },
  {
    name: "firewall rule",
    async prepare(stage) {
      const comment = fresh("rule ");
      const rules = "/cluster/firewall/rules";
      await stage.admin("POST", rules, { type: "in", action: "DROP", comment, enable: "1" });
      return {
        method: "DELETE",
        path: `${rules}/0`,
        change: () => stage.admin("PUT", `${rules}/0`, { action: "REJECT" }),
        changed: /action "?DROP"? -> "?REJECT"?|DROP.* -> .*REJECT/,
        isDone: async () => !(await has(stage, rules, "comment", comment)),
      };
    },
  },
  {
    name: "network",
    async prepare(stage) {
      const iface = fresh("vmbr9");
      const path = "/nodes/pve1/network";
      await stage.admin("POST", path, { iface, type: "bridge", autostart: "1" });
      return {
        method: "DELETE",
        path: `${path}/${iface}`,
        change: () => stage.admin("PUT", `${path}/${iface}`, { type: "bridge", cidr: "192.0.2.77/24", autostart: "1" }),
        changed: /192\.0\.2\.77/,
        isDone: async () => !(await has(stage, path, "iface", iface)),
      };
    },
  },
  {
    name: "node",
    async prepare(stage) {
      const vmid = String(30_000 + ++next);
      await stage.admin("POST", "/nodes/pve2/qemu", { vmid, name: "lodger", scsi0: "vmdata:1,format=qcow2" });
      await Bun.sleep(20);
      // The lodgers of the other tests: of many guests a form cannot tell.
      for (const [id, guest] of stage.world.guests) {
        if (guest.node === "pve2" && id >= 30_000 && String(id) !== vmid) stage.world.guests.delete(id);
      }
      const pve2 = stage.world.nodes.get("pve2");
      if (pve2 === undefined) throw new Error("the simulator has no pve2");
      pve2.online = true;
      const booted = pve2.booted;
      return {
        method: "POST",
        path: "/nodes/pve2/status",
        data: { command: "reboot" },
        word: "pve2",
        change: async () => {
          await stage.admin("POST", `/nodes/pve2/qemu/${vmid}/status/start`);
          await Bun.sleep(20);
        },
        changed: new RegExp(`${vmid}`),
        isDone: async () => {
          const done = !pve2.online || pve2.booted !== booted;
          pve2.online = true;
          pve2.returns = undefined;
          return done;
        },
      };
    },
  },
];
