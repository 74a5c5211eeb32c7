import { TransportError } from "../errors/proxmox-error.ts";
import { type Destination, openConnection } from "./connection.ts";

/**
 * What the runtime's fetch answers, unless the endpoint takes no connection. Fetch has no time limit for connecting
 * and does not say whether it has connected, so after half of `to.connectMs` another connection is tried for the other
 * half. Only silence counts: any other failure fetch would have met itself. What fetch still tries then goes on until
 * its own signal. `deadline` is when the request's time is over, by `performance.now()`.
 * @throws TransportError `unreachable`
 */
export async function withConnectTimeout<T>(to: Destination, deadline: number, answer: Promise<T>): Promise<T> {
  const { promise: deaf, reject } = Promise.withResolvers<never>();
  const answered = new AbortController();
  // Both halves are over while the request still has time to say so, or to ask elsewhere.
  const halfMs = Math.ceil(Math.max(1, Math.min(to.connectMs / 2, (deadline - performance.now()) * 0.4)));
  const knock = async () => {
    try {
      const { socket } = await openConnection({ ...to, connectMs: halfMs }, answered.signal);
      socket.destroy();
    } catch (error) {
      if (error instanceof TransportError && error.problem.details?.code === "ETIMEDOUT") reject(error);
    }
  };
  const patience = setTimeout(() => void knock(), halfMs);
  try {
    return await Promise.race([answer, deaf]);
  } finally {
    clearTimeout(patience);
    answered.abort();
  }
}
