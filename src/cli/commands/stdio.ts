import { PassThrough } from "node:stream";
import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import { type JSONRPCMessage, ProtocolErrorCode, type Server } from "@modelcontextprotocol/server";
import { StdioServerTransport, serveStdio } from "@modelcontextprotocol/server/stdio";
import { environment } from "../../config/environment.ts";
import { loadDrainMs } from "../../config/server/drain.ts";
import { fixedPart } from "../../log.ts";
import { RunningRequests } from "../../mcp/running-requests.ts";
import { local } from "../../policy/callers/caller.ts";
import type { Redactor } from "../../redact/redactor.ts";
import { setUp } from "../app.ts";
import { command } from "../command.ts";
import { flagsOf } from "../flags.ts";
import { flush } from "../output.ts";
import { type DrainTimes, drain, stopSignals } from "../shutdown.ts";

/** Once stdin is closed: the SDKs' clients send SIGTERM 2 s later, and SIGKILL after 2 s more. */
const closedTimes: DrainTimes = { finishMs: 900, endMs: 400 };

/** How long a client may take to read the last answers, in milliseconds. */
const flushMs = 200;

/** `stdio`: MCP on stdin and stdout, for clients that start the server themselves. All else goes to stderr. */
export const stdio = command({
  name: "stdio",
  description: "serve MCP on stdin and stdout",
  examples: ["proxmox-mcp stdio --demo"],
  args: flagsOf("source", "cache", "memory", "control", "shutdown", "log"),
  run: async ({ flags, redactor, stderr }) => {
    const finishMs = loadDrainMs({ flags, env: environment() });
    const { createServer, calls, log, onToolsChange, openControl, close } = await setUp({ flags, redactor, stderr });
    let server: Server | undefined;
    const create = () => {
      server = createServer(local);
      return server;
    };
    let lastError = "";
    // The SDK's transport aborts running calls when its input ends, so it gets an input that never ends.
    const input = process.stdin.pipe(new PassThrough(), { end: false });
    const transport = new StdioServerTransport(input);
    const handle = serveStdio(create, {
      transport,
      onerror: (error) => {
        lastError = fixedPart(error);
        log.debug(`stdio: ${lastError}`);
      },
    });
    refuseRepeatedIds(transport, redactor);
    onToolsChange(() => void server?.sendToolListChanged().catch((error: Error) => log.debug(fixedPart(error))));
    openControl("stdio", () => ({ transport: "stdio" }));
    const signals = stopSignals();
    const connection = connectionEnd(transport);
    const end = await Promise.race([connection, signals.first]);
    if (end === "broken") log.error(`The connection on stdin and stdout broke: ${lastError}`);
    // Messages that arrived before the end are handled first.
    while (end === "closed" && input.readableLength > 0) await nextTurn();
    await nextTurn();
    log.debug(`${end === "closed" ? "stdin was closed" : end}: stopping; ${calls.size} calls run`);
    const isSignal = end !== "closed" && end !== "broken";
    const times = isSignal ? { finishMs, endMs: closedTimes.endMs } : closedTimes;
    const gone = isSignal ? connection.then(async () => await sleep(closedTimes.finishMs)) : undefined;
    const code = await drain(calls, times, signals.second, gone);
    await handle.close();
    await Promise.all([flush(process.stdout, flushMs), close()]);
    return end === "broken" ? 1 : code;
  },
});

/**
 * Refuses requests whose id is that of a running one. The error has the id `null`: with the id of both, clients would take
 * it for the answer to the first, and JSON-RPC 2.0 (5.1) has `null` for invalid requests.
 */
function refuseRepeatedIds(transport: StdioServerTransport, redactor: Redactor): void {
  const running = new RunningRequests(transport);
  const receive = transport.onmessage;
  transport.onmessage = (message) => {
    const repeated = running.begin(message);
    if (repeated === undefined) return receive?.(message);
    const error = { code: ProtocolErrorCode.InvalidRequest, message: redactor.outgoing(repeated) };
    // The type of responses knows no `null` for an id.
    void transport.send({ jsonrpc: "2.0", id: null, error } as unknown as JSONRPCMessage).catch(() => undefined);
  };
}

/**
 * How the connection ended: `closed` when the client closed our stdin, `broken` otherwise, such as by a message that is
 * too large. The transport then pauses stdin, which never ends after that.
 */
function connectionEnd(transport: StdioServerTransport): Promise<"closed" | "broken"> {
  return new Promise((resolve) => {
    const onclose = transport.onclose;
    transport.onclose = () => {
      onclose?.();
      resolve("broken");
    };
    process.stdin.once("end", () => resolve("closed"));
    process.stdin.once("error", () => resolve("broken"));
    process.stdin.once("close", () => resolve("broken"));
  });
}
