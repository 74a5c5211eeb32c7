/** Proxmox's own roles and what they hold (PVE 9.2), in the order in which one is recommended: the narrow ones first. */
const roles: readonly (readonly [role: string, privileges: RegExp])[] = [
  ["PVEAuditor", /^(?:Datastore|Mapping|Pool|SDN|Sys|VM)\.Audit$|^VM\.GuestAgent\.Audit$/],
  ["PVEVMUser", /^VM\.(?:Audit|Backup|Console|PowerMgmt|Config\.(?:CDROM|Cloudinit)|GuestAgent\.(?:Audit|File\w+))$/],
  ["PVETemplateUser", /^VM\.(?:Audit|Clone)$/],
  ["PVEDatastoreUser", /^Datastore\.(?:AllocateSpace|Audit)$/],
  ["PVESDNUser", /^SDN\.(?:Audit|Use)$/],
  ["PVEMappingUser", /^Mapping\.(?:Audit|Use)$/],
  ["PVEPoolAdmin", /^Pool\./],
  ["PVEDatastoreAdmin", /^Datastore\./],
  ["PVESDNAdmin", /^SDN\./],
  ["PVEMappingAdmin", /^Mapping\./],
  ["PVEUserAdmin", /^(?:Group\.Allocate|Realm\.AllocateUser|User\.Modify)$/],
  ["PVESysAdmin", /^Sys\.(?:Audit|Console|Syslog)$/],
  ["PVEVMAdmin", /^VM\./],
];

/** The narrowest of Proxmox's own roles, below Administrator, that holds all of these privileges. */
export function roleFor(privileges: readonly string[]): string | undefined {
  return roles.find(([, holds]) => privileges.every((privilege) => holds.test(privilege)))?.[0];
}
