/**
 * What a task does over time: it yields lines for its log, and numbers to let pass that part of a task's usual
 * duration. What it throws is the task's failure; its `finally` runs when the task is stopped.
 */
export type Script = Generator<string | number, void, void>;

export interface Task {
  readonly upid: string;
  readonly node: string;
  readonly pid: number;
  readonly pstart: number;
  /** Seconds since 1970. */
  readonly start: number;
  readonly type: string;
  readonly id: string;
  /** With the token's name, `mcp@pve!tok`. */
  readonly user: string;
  readonly log: string[];
  readonly script: Script;
  /** When its next step is due, in milliseconds. */
  wake: number;
  /** Set when it ended; `status` is `OK` or the failure. */
  end: number | undefined;
  status: string;
}
