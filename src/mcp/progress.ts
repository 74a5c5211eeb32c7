import type { ServerContext } from "@modelcontextprotocol/server";
import type { Redactor } from "../redact/redactor.ts";
import { plain } from "../sanitize.ts";
import type { ToolContext } from "../tools/tool.ts";

/** Lines of logs may be long, and a client shows one line. */
const maxCharacters = 300;

/**
 * Progress for a client that gave a token with its request. The notification belongs to the request, so it travels on
 * its answer's stream, or on the session's where the transport has one. None is sent once `signal` is aborted.
 */
export function progressOf(
  { _meta, notify }: ServerContext["mcpReq"],
  signal: AbortSignal,
  redactor: Redactor,
): Pick<ToolContext, "progress"> {
  const progressToken = _meta?.progressToken;
  if (progressToken === undefined) return {};
  let progress = 0;
  return {
    progress(text) {
      if (signal.aborted) return;
      progress += 1;
      const message = plain(redactor.outgoing(text)).slice(0, maxCharacters).toWellFormed();
      // A client that is gone needs no news; the call finds that out by itself.
      notify({ method: "notifications/progress", params: { progressToken, progress, message } }).catch(() => undefined);
    },
  };
}
