/**
 * Words of the field that mean the same or stand for each other in a question, in groups: whoever asks with one of them
 * may have meant the others. Reviewed: a pair belongs here only when one would accept the other's endpoint as an answer.
 */
const groups: readonly string[] = [
  "memory ram",
  "cpu core processor socket vcpu",
  "disk drive hdd ssd nvme volume",
  "nic interface network netif",
  "grow enlarge extend expand increase resize bigger larger",
  "shrink reduce decrease lower less",
  "copy clone duplicate",
  "move migrate migration relocate transfer",
  "delete remove destroy purge erase drop",
  "revert rollback undo restore",
  "revoke remove",
  "start boot launch poweron",
  "stop halt poweroff kill",
  "restart reboot",
  "pause suspend freeze",
  "resume unpause continue",
  "cancel abort stop",
  "node host hypervisor server",
  "storage datastore",
  "permission privilege right acl access",
  "user account login",
  "certificate cert tls ssl https",
  "mail email sendmail smtp notification alert",
  "log logs syslog journal",
  "update upgrade patch",
  "package apt",
  "console vnc shell terminal",
  "stats statistics statistic metric metrics graph chart rrddata history",
  "health status state condition",
  "template image",
  "iso image cdrom",
  "schedule job plan cron",
  "nightly daily weekly hourly schedule",
  "realm domain ldap openid sso",
  "tag label",
  "note description comment",
  "autostart onboot",
  "replication replicate sync",
  "ha failover",
  "quorum quorate vote",
  "gpu pci graphics",
  "passthrough hostpci mapping",
  "license subscription",
  "repository repo",
  "service daemon",
  "task job",
  "join add",
  "run execute exec",
  "allow accept open",
  "block deny reject ban",
  "container lxc ct",
  "vm qemu",
  "docker oci",
  "folder directory",
  "full capacity space usage used free",
  "version release",
  "password passwd credential secret",
  "zfs zpool",
  "dns nameserver resolver",
  "clock time timezone",
  "bridge vmbr",
  "address ip",
  "prune retention",
  "evacuate migrate drain",
];

/** For each word those that may be meant by it, itself not among them. */
export const synonyms: ReadonlyMap<string, readonly string[]> = (() => {
  const found = new Map<string, string[]>();
  for (const group of groups) {
    const members = group.split(" ");
    for (const word of members) {
      found.set(word, [...(found.get(word) ?? []), ...members.filter((other) => other !== word)]);
    }
  }
  return found;
})();
