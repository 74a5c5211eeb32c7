import type { ProxmoxAnswer } from "../answers/answer.ts";
import { type ClockOffset, hasStepped, offsetOf, secondsAt } from "../clock.ts";
import type { ProxmoxRequest } from "../request.ts";

/** When a write was sent, and what the clocks of the endpoints were before, by URL. */
export interface SendTime {
  /** By `performance.now()`. */
  readonly sentAt: number;
  readonly clocks: ReadonlyMap<string, ClockOffset>;
}

/** `near`: within what two clocks may be apart; `contradiction`: inside by one clock of the node, outside by the other. */
export type Dating = "during" | "near" | "outside" | "contradiction";

/** The time from a write's departure to an answer's arrival, on a node's clocks. */
export interface Window {
  /** Whether a clock was set meanwhile, as far as can be seen, so that no date proves anything. */
  readonly stepped: boolean;
  /** Whether a reading from before the write excludes a step of the wall clock. */
  readonly steady: boolean;
  /** The last second of the wall clock that a moment of ours can have been in. */
  latest(moment: number): number;
  /** Places a moment by the wall clock (seconds since 1970) and, where it has one, by the time since boot. */
  date(wall: number, sinceBoot: number | undefined): Dating;
}

/** How far the clocks of two nodes of a cluster are taken to be apart at most, in seconds. */
const maxSkew = 5;

/** A node's wall clock and its time since boot, read with Sys.Audit on the node; else taken from the `Date` of answers. */
export class NodeClock {
  readonly #node: string;
  readonly #send: (request: ProxmoxRequest) => Promise<ProxmoxAnswer>;
  readonly #within: Pick<ProxmoxRequest, "signal" | "timeoutMs">;
  #wall: ClockOffset | undefined;
  #boot: ClockOffset | undefined;

  constructor(
    node: string,
    send: (request: ProxmoxRequest) => Promise<ProxmoxAnswer>,
    within: Pick<ProxmoxRequest, "signal" | "timeoutMs">,
  ) {
    this.#node = node;
    this.#send = send;
    this.#within = within;
  }

  /** The first second of the node's wall clock that a moment of ours can have been in; `undefined` when unreadable. */
  async earliest(moment: number): Promise<number | undefined> {
    [this.#wall, this.#boot] = await Promise.all([
      this.#wall ?? this.#read("time", "time"),
      this.#boot ?? this.#read("status", "uptime"),
    ]);
    return this.#wall && secondsAt(this.#wall, moment)[0];
  }

  /**
   * The time from when a write was sent to when an answer came; the wall clock is read once more after it. `undefined`
   * where that fails.
   * @param askedAt when the answer was asked for, by `performance.now()`.
   */
  async window({ sentAt, clocks }: SendTime, answer: ProxmoxAnswer, askedAt: number): Promise<Window | undefined> {
    const receivedAt = performance.now();
    const date = answer.date && offsetOf(answer.date.getTime() / 1000, askedAt, receivedAt);
    if (this.#wall === undefined) await this.earliest(sentAt);
    const [own, boot] = [this.#wall, this.#boot];
    const wall = own ?? date;
    const after = own && (await this.#read("time", "time"));
    if (wall === undefined || (own !== undefined && after === undefined)) return undefined;
    const before = clocks.get(answer.endpoint);
    const steady = before !== undefined && date !== undefined && !hasStepped(before, date);
    const stepped =
      (before !== undefined && date !== undefined && !steady) ||
      (own !== undefined && after !== undefined && hasStepped(own, after)) ||
      // The time since boot cannot be set; without it, only an earlier reading excludes a step.
      (boot === undefined && !steady);
    const skew = own === undefined ? maxSkew : 0;
    const [from, to] = [secondsAt(wall, sentAt)[0], secondsAt(wall, receivedAt)[1]];
    const bootFrom = boot && secondsAt(boot, sentAt)[0];
    const bootTo = boot && secondsAt(boot, receivedAt)[1] + 1;
    return {
      stepped,
      steady,
      latest: (moment) => secondsAt(wall, moment)[1] + skew,
      date(seconds, sinceBoot) {
        const byWall = seconds >= from && seconds <= to;
        if (bootFrom === undefined || bootTo === undefined || sinceBoot === undefined) {
          if (byWall) return "during";
          return seconds >= from - skew && seconds <= to + skew ? "near" : "outside";
        }
        const byBoot = sinceBoot >= bootFrom && sinceBoot <= bootTo;
        if (byWall === byBoot || steady) return byWall ? "during" : "outside";
        return "contradiction";
      },
    };
  }

  async #read(what: "time" | "status", key: string): Promise<ClockOffset | undefined> {
    const sentAt = performance.now();
    const request: ProxmoxRequest = { method: "GET", path: ["nodes", this.#node, what], ...this.#within };
    const data = (await this.#send(request).catch(() => undefined))?.data;
    const seconds = typeof data === "object" && data !== null ? (data as Record<string, unknown>)[key] : undefined;
    return typeof seconds === "number" ? offsetOf(seconds, sentAt, performance.now()) : undefined;
  }
}
