import { emptyFirewall } from "./firewall/state.ts";
import { interfaces } from "./network.ts";
import { livedIn } from "./node.ts";
import type { Random } from "./perl.ts";
import type { Value } from "./schema.ts";
import type { Config, Delays, Guest, Node, Storage, Token, User, World } from "./world.ts";

/** What a demo was asked for, with every default filled in. */
export interface Setting {
  readonly now: () => number;
  readonly delays: Delays;
  readonly taskMs: number;
  readonly asRecorded: boolean;
  readonly random: Random;
}

const day = 86_400_000;

/** A cluster of these parts in which nothing has happened yet. */
export function build(
  setting: Setting,
  parts: Pick<World, "name" | "version" | "modern" | "clustered" | "options" | "jobs" | "acl"> & {
    readonly nodes: readonly Pick<Node, "name" | "id" | "ip" | "fingerprint" | "online">[];
    readonly guests: readonly Guest[];
    readonly storages: Readonly<Record<string, Storage>>;
    readonly pools: Readonly<Record<string, { comment: string; guests: number[]; storages: string[] }>>;
    readonly users: Readonly<Record<string, User>>;
    readonly groups: Readonly<Record<string, { comment: string; users: string[] }>>;
  },
): World {
  // The recordings were made an hour or so after the nodes had booted.
  const booted = setting.now() - (setting.asRecorded ? 4_515_000 : 23 * day);
  const made = (node: (typeof parts.nodes)[number]): Node => ({
    ...node,
    booted,
    returns: undefined,
    cpus: 2,
    memory: 25276510208,
    pid: 458,
    stopped: new Set(),
    network: interfaces(node.ip),
    journal: [],
  });
  const world: World = {
    ...parts,
    delays: setting.delays,
    random: setting.random,
    answers: 0,
    taskMs: setting.taskMs,
    now: () => world.moment ?? setting.now(),
    moment: undefined,
    nodes: new Map(parts.nodes.map((node) => [node.name, made(node)])),
    guests: new Map(parts.guests.map((guest) => [guest.vmid, guest])),
    storages: new Map(Object.entries(parts.storages)),
    pools: new Map(
      Object.entries(parts.pools).map(([name, { comment, guests, storages }]) => [
        name,
        { comment, guests: new Set(guests), storages: new Set(storages) },
      ]),
    ),
    users: new Map(Object.entries(parts.users)),
    groups: new Map(Object.entries(parts.groups).map(([name, it]) => [name, { ...it, users: new Set(it.users) }])),
    roles: roles(parts.modern),
    ha: new Map(),
    firewalls: new Map([["cluster", { ...emptyFirewall(), options: { enable: 0 } }]]),
    commands: new Map(),
    tasks: [],
    disks: new Map(),
    storageWrites: 0,
    log: [],
    faults: {
      noQuorum: false,
      frozen: [],
      inactive: [],
      services: {},
      replication: {},
      ceph: undefined,
      nodes: {},
    },
  };
  return world;
}

/** A guest that is off, without snapshots or waiting changes. */
export function guest(kind: Guest["kind"], vmid: number, node: string, config: Config): Guest {
  return { kind, vmid, node, config, pending: new Map(), snapshots: new Map(), run: undefined };
}

/** A storage of the size that the recordings show, with what it holds besides guests' disks. */
export function storage(config: Config, volumes: Storage["volumes"] = []): Storage {
  return { config, volumes, total: 270553174016, used: 34074025984 };
}

/** A file on a storage. */
export function file(volid: string, node: string | undefined, row: Record<string, Value>, saved?: Config) {
  return { volid, node, row: { ctime: 1795344560, ...row }, ...(saved === undefined ? {} : { saved }) };
}

export function user(comment: string | undefined, more: Partial<User> = {}): User {
  const email = comment === undefined ? undefined : "";
  return { comment, email, enable: 1, expire: 0, tokens: new Map(), ...more };
}

/** A token of a demo is no secret: everybody may read it here. */
export function token(serial: string, more: Partial<Token> = {}): Token {
  return {
    secret: `00000000-0000-4000-8000-${serial.padStart(12, "0")}`,
    comment: undefined,
    expire: 0,
    privsep: 0,
    ...more,
  };
}

/** Puts a cluster to work: these guests run, and its log holds a few tasks. */
export function liven(world: World, running: readonly number[], node: string): World {
  for (const [index, vmid] of running.entries()) {
    const it = world.guests.get(vmid);
    if (it !== undefined)
      it.run = { since: world.now() - day * (1 + ((index * 5) % 19)), pid: 1200 + vmid, paused: false };
  }
  world.moment = world.now() - day / 4;
  livedIn(world, node);
  world.moment = undefined;
  return world;
}

const privileges = {
  Datastore: "Allocate AllocateSpace AllocateTemplate Audit",
  Group: "Allocate",
  Mapping: "Audit Modify Use",
  Permissions: "Modify",
  Pool: "Allocate Audit",
  Realm: "Allocate AllocateUser",
  SDN: "Allocate Audit Use",
  Sys: "AccessNetwork Audit Console Incoming Modify PowerMgmt Syslog",
  User: "Modify",
  VM:
    "Allocate Audit Backup Clone Config.CDROM Config.CPU Config.Cloudinit Config.Disk Config.HWType Config.Memory " +
    "Config.Network Config.Options Console GuestAgent.Audit GuestAgent.FileRead GuestAgent.FileSystemMgmt " +
    "GuestAgent.FileWrite GuestAgent.Unrestricted Migrate Monitor PowerMgmt Replicate Snapshot Snapshot.Rollback",
};

/** The roles of Proxmox VE; version 9 has privileges for the guest agent in place of `VM.Monitor`. */
function roles(modern: boolean): World["roles"] {
  const all = Object.entries(privileges)
    .flatMap(([area, names]) => names.split(" ").map((name) => `${area}.${name}`))
    .filter((it) => (modern ? it !== "VM.Monitor" : !/GuestAgent|Replicate/.test(it)));
  const pick = (test: RegExp): string[] => all.filter((it) => test.test(it));
  const role = (list: readonly string[], special: 0 | 1 = 1) => ({ special, privileges: list });
  const forAdmin = /^(Permissions|Mapping\.Modify|Realm\.Allocate$|Sys\.(AccessNetwork|Incoming|Modify|PowerMgmt))/;
  return new Map(
    Object.entries({
      Administrator: role(all),
      NoAccess: role([]),
      PVEAdmin: role(all.filter((it) => !forAdmin.test(it))),
      PVEAuditor: role(pick(/^(Datastore|Mapping|Pool|SDN|Sys|VM|VM\.GuestAgent)\.Audit$/)),
      PVEDatastoreAdmin: role(pick(/^Datastore/)),
      PVEDatastoreUser: role(pick(/^Datastore\.(AllocateSpace|Audit)$/)),
      PVEMappingAdmin: role(pick(/^Mapping/)),
      PVEMappingUser: role(pick(/^Mapping\.(Audit|Use)/)),
      PVEPoolAdmin: role(pick(/^Pool/)),
      PVEPoolUser: role(pick(/^Pool\.Audit/)),
      PVESDNAdmin: role(pick(/^SDN/)),
      PVESDNUser: role(pick(/^SDN\.(Audit|Use)/)),
      PVESysAdmin: role(pick(/^Sys\.(Audit|Console|Syslog)/)),
      PVETemplateUser: role(pick(/^VM\.(Audit|Clone)/)),
      PVEUserAdmin: role(pick(/^(Group\.Allocate|Realm\.AllocateUser|User\.Modify)/)),
      PVEVMAdmin: role(pick(/^VM/)),
      PVEVMUser: role(
        pick(/^VM\.((Audit|Backup|Config\.(CDROM|Cloudinit)|Console|GuestAgent\.Audit|PowerMgmt)$|GuestAgent\.File)/),
      ),
      VMOperator: role(pick(/^VM\.(Audit|Config\.Options|Console|PowerMgmt|Snapshot)$/), 0),
    }),
  );
}
