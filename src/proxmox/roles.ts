/**
 * Those of Proxmox's own roles that are worth recommending, with what they hold (PVE 9.2), the more harmless first. The
 * roles called `*Admin` are left out: each allows far more, such as deleting, than any one call needs.
 */
const roles: readonly (readonly [role: string, privileges: readonly string[]])[] = [
  ["PVEPoolUser", ["Pool.Audit"]],
  [
    "PVEAuditor",
    ["Datastore.Audit", "Mapping.Audit", "Pool.Audit", "SDN.Audit", "Sys.Audit", "VM.Audit", "VM.GuestAgent.Audit"],
  ],
  ["PVETemplateUser", ["VM.Audit", "VM.Clone"]],
  ["PVEDatastoreUser", ["Datastore.AllocateSpace", "Datastore.Audit"]],
  ["PVESDNUser", ["SDN.Audit", "SDN.Use"]],
  ["PVEMappingUser", ["Mapping.Audit", "Mapping.Use"]],
  [
    "PVEVMUser",
    [
      "VM.Audit",
      "VM.Backup",
      "VM.Config.CDROM",
      "VM.Config.Cloudinit",
      "VM.Console",
      "VM.GuestAgent.Audit",
      "VM.GuestAgent.FileRead",
      "VM.GuestAgent.FileSystemMgmt",
      "VM.GuestAgent.FileWrite",
      "VM.PowerMgmt",
    ],
  ],
];

/** The most harmless of these roles that holds all of the privileges. */
export function roleFor(privileges: readonly string[]): string | undefined {
  return roles.find(([, held]) => privileges.every((privilege) => held.includes(privilege)))?.[0];
}
