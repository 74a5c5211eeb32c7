/**
 * Serves on the port that is the program's last argument, as in `serve --port 8000`, and says so on stderr, as the
 * product does. Written with `Bun.write`: a first look at `process.stderr` takes 11 ms, more than all of hello.
 */
export async function serveAnnounced(
  fetch: (request: Request, server: Bun.Server<undefined>) => Response | Promise<Response>,
): Promise<void> {
  const { url } = Bun.serve({ hostname: "127.0.0.1", port: Number(process.argv.at(-1)), fetch });
  await Bun.write(Bun.stderr, `listening at ${url.origin}\n`);
}
