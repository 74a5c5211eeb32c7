/** Writes a text and a line end, and waits until it is out: an exit would cut what a pipe has not taken yet. */
export function write(stream: NodeJS.WriteStream, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.once("error", (error: NodeJS.ErrnoException) => {
      // Whoever reads has seen enough (`| head`).
      if (error.code === "EPIPE") resolve();
      else reject(error);
    });
    stream.write(`${text}\n`, () => resolve());
  });
}

/** A text of somebody else's for a terminal: control characters are shown, not sent. */
export function plain(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, (char) => {
    const code = char.charCodeAt(0);
    return { 9: "\\t", 10: "\\n", 13: "\\r" }[code] ?? `\\x${code.toString(16).padStart(2, "0")}`;
  });
}
