import type { Method } from "../proxmox/message.ts";

/** A truth value as Proxmox's schema writes it: 0 and 1, sometimes as text. */
export type Flag = 0 | 1 | "0" | "1" | boolean;

/**
 * A parameter, or a part of one, in Proxmox's own dialect of JSON schema (PVE::JSONSchema). Only what this server reads
 * is named.
 */
export interface Property {
  readonly type?: string;
  readonly description?: string;
  /** The longer description of the two, for manuals. */
  readonly verbose_description?: string;
  /** Proxmox's own short form of the type, for its manual pages: `<integer> (1 - N)`. */
  readonly typetext?: string;
  readonly optional?: Flag;
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
  readonly minimum?: number | string;
  readonly maximum?: number | string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
  /** A named format (`pve-node`, `pve-vmid-list`), or the parts of a property string by name. */
  readonly format?: string | Properties;
  /** What a value of the format is called in texts: `[[HH:]MM:]SS`. */
  readonly format_description?: string;
  /** In a property string: the part whose name may be left out. */
  readonly default_key?: Flag;
  /** In a property string: another name of the part that is named here. */
  readonly alias?: string;
  /** In a property string: this part's name is the value of that part (`virtio=AA:BB:...` sets `model`). */
  readonly keyAlias?: string;
  /** Another parameter that must be given with this one. */
  readonly requires?: string;
  readonly items?: Property;
  readonly properties?: Properties;
  readonly additionalProperties?: Flag | Property;
  /** Since 9.1: variants, each for some values of the parameter that `type-property` names. */
  readonly oneOf?: readonly Property[];
  readonly "instance-types"?: readonly string[];
  readonly "type-property"?: string;
}

/** Parameters by name. `net[n]` stands for the family `net0`, `net1` and so on. */
export type Properties = Readonly<Record<string, Property>>;

/** One method of one path. */
export interface ApiEndpoint {
  readonly method: Method;
  /** `/nodes/{node}/qemu/{vmid}/config`. */
  readonly template: string;
  readonly description: string;
  /** All that it takes, those in the path included. */
  readonly parameters: Properties;
  /** Whether it takes parameters beyond those. */
  readonly additional: boolean;
  readonly returns: Property;
  /** Proxmox's `permissions`, as they stand in the schema; `undefined` means that only root@pam may call it. */
  readonly permissions: Permissions | undefined;
  /** Whether Proxmox lets API tokens call it at all. */
  readonly tokens: boolean;
}

/** Who may call an endpoint. */
export interface Permissions {
  /** `all`: every user; `world`: anybody, without a login. */
  readonly user?: string;
  /** `["perm", "/vms/{vmid}", ["VM.Audit"]]`, nested in `["and", ...]` and `["or", ...]`. */
  readonly check?: readonly unknown[];
  readonly description?: string;
}
