/** One HTTP/1.1 connection that carries one request at a time: far cheaper than `fetch`, so that the server is the limit. */
export class Connection {
  readonly #address: string;
  #socket: Bun.Socket<undefined> | undefined;
  #text = "";
  #ended = false;
  /** What is waited for: gives the length of the part of the text that is it, or nothing as long as it is not all there. */
  #complete: (text: string) => number | undefined = () => undefined;
  #resolve: (text: string) => void = () => undefined;
  #reject: (error: Error) => void = () => undefined;

  private constructor(address: string) {
    this.#address = address;
  }

  /** Connects to a server of this machine. */
  static async open(url: URL): Promise<Connection> {
    const connection = new Connection(url.host);
    connection.#socket = await Bun.connect({
      hostname: url.hostname,
      port: Number(url.port),
      socket: {
        data: (_, bytes) => connection.#receive(bytes.toString("latin1")),
        close: () => connection.#end(),
      },
    });
    return connection;
  }

  /** The bytes of a request, to be made once and sent often. */
  post(path: string, headers: Record<string, string>, body: string): Uint8Array {
    const lines = Object.entries({ ...headers, "Content-Length": String(Buffer.byteLength(body)) });
    const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join("");
    return Buffer.from(`POST ${path} HTTP/1.1\r\nHost: ${this.#address}\r\n${head}\r\n${body}`);
  }

  /** Sends a request and gives its whole response, head and body. */
  send(request: Uint8Array): Promise<string> {
    const response = this.#wait(responseLength);
    this.#socket?.write(request);
    return response;
  }

  /** Begins an event stream, and gives its head and the first event. */
  async stream(path: string): Promise<string> {
    const first = this.event("endpoint");
    this.#socket?.write(`GET ${path} HTTP/1.1\r\nHost: ${this.#address}\r\nAccept: text/event-stream\r\n\r\n`);
    return await first;
  }

  /** The next event of this name on the stream, and what came before it. */
  event(name: string): Promise<string> {
    return this.#wait((text) => {
      const begin = text.indexOf(`event: ${name}\n`);
      const end = begin < 0 ? -1 : text.indexOf("\n\n", begin);
      return end < 0 ? undefined : end + 2;
    });
  }

  close(): void {
    this.#reject = () => undefined;
    this.#socket?.terminate();
  }

  #end(): void {
    this.#ended = true;
    this.#reject(new Error(`${this.#address} closed the connection`));
  }

  #wait(complete: (text: string) => number | undefined): Promise<string> {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    this.#complete = complete;
    this.#resolve = resolve;
    this.#reject = reject;
    if (this.#ended) this.#end();
    else this.#receive("");
    return promise;
  }

  #receive(more: string): void {
    this.#text += more;
    const length = this.#complete(this.#text);
    if (length === undefined) return;
    const found = this.#text.slice(0, length);
    this.#text = this.#text.slice(length);
    this.#complete = () => undefined;
    this.#resolve(found);
  }
}

/** How long a response is, once all of it is there. */
function responseLength(text: string): number | undefined {
  const head = text.indexOf("\r\n\r\n") + 4;
  if (head < 4) return undefined;
  const given = /\r\ncontent-length: *(\d+)/i.exec(text.slice(0, head))?.[1];
  if (given !== undefined) return text.length < head + Number(given) ? undefined : head + Number(given);
  // Chunked; nothing follows, because one request is under way at a time.
  return text.endsWith("\r\n0\r\n\r\n") ? text.length : undefined;
}
