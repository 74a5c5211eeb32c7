/**
 * Runs a program of the system and gives its stdout.
 * @throws {Error} with its stderr when it fails.
 */
export async function run(command: readonly string[], options: { cwd?: string } = {}): Promise<string> {
  const child = Bun.spawn([...command], { ...options, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [stdout, stderr, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  if (code !== 0) throw new Error(`${command.join(" ")} ended with ${code}:\n${stderr}${stdout}`);
  return stdout;
}
