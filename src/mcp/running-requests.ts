import { isJSONRPCNotification, isJSONRPCResponse, type RequestId, type Transport } from "@modelcontextprotocol/server";

/** Ids longer than this are not quoted, in characters of JSON. */
const maxQuotedLength = 64;

/**
 * The requests of a connection or session that are not answered yet. The SDK keeps them by id and takes a second one of
 * the same id: the answer of the first then goes to the second, and a cancellation reaches only one of them.
 */
export class RunningRequests {
  /** By id: how many requests came in the same message. */
  readonly #ids = new Map<RequestId, number>();

  /**
   * @param transport its messages are watched for answers and cancellations: a cancelled request gets no answer.
   * @param onCancel called with the id of a cancelled request that did not come in a batch.
   */
  constructor(transport: Transport, onCancel?: (id: RequestId) => void) {
    const receive = transport.onmessage;
    transport.onmessage = (message, extra) => {
      receive?.(message, extra);
      if (!isJSONRPCNotification(message) || message.method !== "notifications/cancelled") return;
      const id = message.params?.["requestId"] as RequestId;
      if (this.#ids.get(id) === 1) onCancel?.(id);
      this.#ids.delete(id);
    };
    const send = transport.send.bind(transport);
    transport.send = (message, options) => {
      if (isJSONRPCResponse(message) && message.id !== undefined) this.#ids.delete(message.id);
      return send(message, options);
    };
  }

  /** How many there are: a session with any is in use, whether or not its client is still connected. */
  get size(): number {
    return this.#ids.size;
  }

  /**
   * Registers the requests of a message or batch that is about to be handed to the transport.
   * @returns why it must be refused, as a sentence, where an id is in use; then none is registered.
   */
  begin(message: unknown): string | undefined {
    const ids = idsOf(message);
    const running = ids.find((id) => this.#ids.has(id));
    if (running !== undefined) return refusalText(`a request with ${quoted(running)} is running in this session`);
    const repeated = repetition(ids);
    if (repeated === undefined) for (const id of ids) this.#ids.set(id, ids.length);
    return repeated;
  }

  /** Forgets the requests of a message that the transport refused. */
  forget(message: unknown): void {
    for (const id of idsOf(message)) this.#ids.delete(id);
  }
}

/** Why a batch with the same id twice must be refused, as a sentence; `undefined` for all other messages. */
export function repeatedId(message: unknown): string | undefined {
  return repetition(idsOf(message));
}

function repetition(ids: readonly RequestId[]): string | undefined {
  const seen = new Set<RequestId>();
  const repeated = ids.find((id) => seen.size === seen.add(id).size);
  return repeated === undefined ? undefined : refusalText(`the batch has two requests with ${quoted(repeated)}`);
}

/** Without the SDK's schema, which takes microseconds for each message: what it does not take, the transport refuses. */
function idsOf(message: unknown): readonly RequestId[] {
  const messages: readonly unknown[] = Array.isArray(message) ? message : [message];
  return messages.flatMap((one) => {
    const { id, method } = (one ?? {}) as { readonly id?: unknown; readonly method?: unknown };
    const isRequest = typeof method === "string" && (typeof id === "string" || typeof id === "number");
    return isRequest ? [id] : [];
  });
}

/** Half of an id is never shown: it could be half of a secret, which the redactor would not recognize. */
function quoted(id: RequestId): string {
  const json = JSON.stringify(id);
  return json.length > maxQuotedLength ? `an id of ${json.length} characters` : `id ${json}`;
}

function refusalText(problem: string): string {
  return `Invalid request: ${problem}; ids must be unique (JSON-RPC 2.0, MCP base protocol). Nothing was done; send it with another id.`;
}
