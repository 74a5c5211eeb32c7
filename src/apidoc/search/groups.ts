/** Parameters that belong together, for endpoints that have too many to be told at once. The first that fits counts. */
const groups: readonly { readonly title: string; readonly pattern: RegExp }[] = [
  {
    title: "Identity and notes",
    pattern: /^(?:vmid|name|hostname|description|comment|tags|pool|template|ostype|unique|storage|type)$/,
  },
  {
    title: "CPU",
    pattern: /^(?:cores|sockets|cpu|cpulimit|cpuunits|vcpus|smp|numa|numa\[n\]|affinity|kvm|arch|amd-sev|intel-tdx)$/,
  },
  { title: "Memory", pattern: /^(?:memory|balloon|shares|swap|hugepages|keephugepages|allow-ksm)$/ },
  {
    title: "Disks",
    pattern:
      /^(?:(?:ide|sata|scsi|virtio|mp|unused|virtiofs)\[n\]|cdrom|scsihw|efidisk0|tpmstate0|rootfs|bootdisk|vmstatestorage|import-working-storage)$/,
  },
  { title: "Network", pattern: /^(?:net\[n\]|nameserver|searchdomain)$/ },
  { title: "Cloud-init", pattern: /^(?:ci[a-z]+|ipconfig\[n\]|sshkeys)$/ },
  {
    title: "Start and stop",
    pattern: /^(?:boot|onboot|autostart|startup|start|startdate|reboot|freeze|live-restore|ha-managed)$/,
  },
  {
    title: "Machine and devices",
    pattern:
      /^(?:bios|machine|acpi|smbios1|vmgenid|vga|keyboard|tablet|audio0|rng0|watchdog|ivshmem|spice_enhancements|agent|hotplug|localtime|tdf|(?:usb|hostpci|serial|parallel|dev)\[n\]|args|hookscript)$|^migrate_/,
  },
  {
    title: "Container",
    pattern: /^(?:unprivileged|features|console|tty|cmode|entrypoint|env|timezone|debug|password|ssh-public-keys)$/,
  },
  { title: "Create or restore from", pattern: /^(?:archive|ostemplate|restore|ignore-unpack-errors|bwlimit)$/ },
  { title: "The change itself", pattern: /^(?:delete|revert|digest|force|lock|protection|skiplock|background_delay)$/ },
];

/** A group of parameters, and the `params` argument that gets it. */
export interface Group {
  readonly title: string;
  readonly names: readonly string[];
  readonly params: string;
}

/** Sorts parameters into groups; what no group knows comes last. */
export function groupNames(names: readonly string[]): Group[] {
  const left = new Set(names);
  const found: Group[] = [];
  for (const { title, pattern } of groups) {
    const own = names.filter((name) => left.has(name) && pattern.test(name));
    for (const name of own) left.delete(name);
    if (own.length > 0) found.push(toGroup(title, own));
  }
  return left.size === 0 ? found : [...found, toGroup(found.length === 0 ? "Parameters" : "Others", [...left])];
}

function toGroup(title: string, names: readonly string[]): Group {
  return { title, names, params: names.map((name) => name.replace("[n]", "*")).join(",") };
}
