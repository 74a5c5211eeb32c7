import type { Power } from "./guest-state.ts";

/** A button on a guest's case. */
export interface PowerAction {
  /** The state that it leads to. */
  readonly to: Power;
  /** States in which there is nothing to do. */
  readonly done: readonly Power[];
  /** States in which Proxmox could only refuse, and what to do then. */
  readonly no: Readonly<Partial<Record<Power, string>>>;
  /** It gives the system inside time to shut down. */
  readonly asks?: true;
  /** It is two things one after the other: its task may fail after the first was done. */
  readonly steps?: true;
  /** What Proxmox makes of it for containers, where that is not the same. */
  readonly lxc?: "missing" | "experimental";
}

const off = "It is off; action start turns it on.";
const asleep = "It is suspended to disk; action resume brings it back.";
const paused =
  "It is paused and hears nothing. After action resume this works; action stop turns it off hard as it is.";

const actions = {
  start: { to: "running", done: ["running"], no: { paused: "It is paused, not off; action resume lets it go on." } },
  shutdown: { to: "off", done: ["off", "suspended to disk"], no: { paused }, asks: true },
  reboot: { to: "running", done: [], no: { off, "suspended to disk": asleep, paused }, asks: true, steps: true },
  stop: { to: "off", done: ["off", "suspended to disk"], no: {} },
  reset: { to: "running", done: [], no: { off, "suspended to disk": asleep }, lxc: "missing" },
  suspend: { to: "paused", done: ["paused", "suspended to disk"], no: { off }, lxc: "experimental" },
  resume: { to: "running", done: ["running"], no: { off }, lxc: "experimental" },
} as const satisfies Readonly<Record<string, PowerAction>>;

/** The actions' names, which are Proxmox's. */
export type PowerActionName = keyof typeof actions;

export const powerActionNames = Object.keys(actions) as [PowerActionName, ...PowerActionName[]];

/** What each action does, and where it cannot. */
export const powerActions: Readonly<Record<PowerActionName, PowerAction>> = actions;
