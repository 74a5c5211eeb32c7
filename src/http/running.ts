import {
  isJSONRPCNotification,
  isJSONRPCRequest,
  isJSONRPCResponse,
  type RequestId,
  type Transport,
} from "@modelcontextprotocol/server";

/**
 * The requests of a client that are not answered yet: a session with any is at work, whether or not its client is
 * still connected. Looks into what passes a connected transport; a cancelled request gets no answer and counts no more.
 */
export function runningRequests(transport: Transport): ReadonlySet<RequestId> {
  const running = new Set<RequestId>();
  const receive = transport.onmessage;
  transport.onmessage = (message, extra) => {
    if (isJSONRPCRequest(message)) running.add(message.id);
    else if (isJSONRPCNotification(message) && message.method === "notifications/cancelled") {
      running.delete(message.params?.["requestId"] as RequestId);
    }
    receive?.(message, extra);
  };
  const send = transport.send.bind(transport);
  transport.send = (message, options) => {
    if (isJSONRPCResponse(message) && message.id !== undefined) running.delete(message.id);
    return send(message, options);
  };
  return running;
}
