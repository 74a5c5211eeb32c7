import { expect, test } from "bun:test";
import { chmodSync, lstatSync, mkdirSync, readdirSync, symlinkSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { askServers } from "../../src/control/ask.ts";
import { openControl } from "../../src/control/listen.ts";
import { controlPaths, serverConsents, serverStatus as statusSchema } from "../../src/control/protocol.ts";
import { until } from "../support/listening.ts";
import { asNobody, canActAsOthers, privateFolder } from "../support/private-folder.ts";
import { question, serverStatus } from "../support/questions.ts";

const controlled = { questions: () => [question()], status: () => serverStatus };

test("status and questions come over the socket as they are", async () => {
  await using folder = await privateFolder();
  const socket = openControl(folder.path, "serve", controlled);
  const consents = await askServers([folder.path], controlPaths.consents, serverConsents);
  const { version, pid, transport, url } = serverStatus;
  expect(consents.answers).toEqual([
    { server: { version, pid, transport, ...(url && { url }) }, questions: [question()] },
  ]);
  const status = await askServers([folder.path], controlPaths.status, statusSchema);
  expect(status.answers).toEqual([serverStatus]);
  await socket.close();
  expect(readdirSync(folder.path)).toEqual([]);
});

test("a question without a code has none on the other side", async () => {
  await using folder = await privateFolder();
  const asked = question({ code: undefined });
  const socket = openControl(folder.path, "serve", { ...controlled, questions: () => [asked] });
  const { answers } = await askServers([folder.path], controlPaths.consents, serverConsents);
  expect(answers[0]?.questions).toEqual([asked]);
  await socket.close();
});

test("ten thousand questions with long plans are served whole", async () => {
  await using folder = await privateFolder();
  const plan = Array.from({ length: 40 }, (_, i) => `line ${i} ${"x".repeat(80)}`);
  const questions = Array.from({ length: 10_000 }, (_, i) => question({ id: String(i), plan }));
  const socket = openControl(folder.path, "serve", { ...controlled, questions: () => questions });
  const { answers, problems } = await askServers([folder.path], controlPaths.consents, serverConsents);
  expect(problems).toEqual([]);
  expect(answers[0]?.questions.length).toBe(10_000);
  expect(answers[0]?.questions.at(-1)).toEqual(question({ id: "9999", plan }));
  await socket.close();
});

test("the socket is its user's alone, in a folder that is made so", async () => {
  await using folder = await privateFolder();
  const inner = join(folder.path, "a", "b");
  const socket = openControl(inner, "serve", controlled);
  expect(lstatSync(inner).mode & 0o777).toBe(0o700);
  expect(lstatSync(socket.path).mode & 0o777).toBe(0o600);
  await socket.close();
});

test.each([
  ["Origin", { Origin: "http://evil.example" }, "http://localhost"],
  ["the Origin of a page on this machine", { Origin: "http://localhost" }, "http://localhost"],
  ["Sec-Fetch-Site", { "Sec-Fetch-Site": "cross-site" }, "http://localhost"],
  ["another Host, as DNS rebinding has", {}, "http://evil.example"],
])("where the socket is forwarded to a port, a page with %s is refused", async (_, headers, origin) => {
  await using folder = await privateFolder();
  const socket = openControl(folder.path, "serve", controlled);
  for (const path of Object.values(controlPaths)) {
    const response = await fetch(`${origin}${path}`, { unix: socket.path, headers, proxy: false });
    expect(response.status).toBe(403);
    expect(await response.text()).not.toContain("9FGH");
  }
  await socket.close();
});

test("it reads only, and knows nothing but its two paths", async () => {
  await using folder = await privateFolder();
  const { path: unix, close } = openControl(folder.path, "serve", controlled);
  const ask = async (path: string, method: string) =>
    (await fetch(`http://localhost${path}`, { unix, method, proxy: false })).status;
  for (const method of ["POST", "PUT", "DELETE"]) expect(await ask(controlPaths.consents, method)).toBe(405);
  expect(await ask("/", "GET")).toBe(404);
  await close();
});

test("a client that connects and says nothing does not hold up the end", async () => {
  await using folder = await privateFolder();
  const socket = openControl(folder.path, "serve", controlled);
  let closed = false;
  await Bun.connect({
    unix: socket.path,
    socket: {
      data: () => undefined,
      close: () => {
        closed = true;
      },
    },
  });
  await socket.close();
  await until(() => closed);
  expect(readdirSync(folder.path)).toEqual([]);
});

test("what is no socket, or is open to others, is not asked; what answers something else, or nothing, is reported", async () => {
  await using folder = await privateFolder();
  await Bun.write(join(folder.path, "file.sock"), "");
  symlinkSync("/dev/null", join(folder.path, "link.sock"));
  const socket = openControl(folder.path, "serve", controlled);
  chmodSync(socket.path, 0o666);
  expect(await askServers([folder.path], controlPaths.status, statusSchema)).toEqual({
    answers: [],
    problems: [],
    looked: [`${folder.path}: no server`],
  });
  await socket.close();
  const path = join(folder.path, "other.sock");
  for (const body of ["{}", "ok"]) {
    const other = createServer((connection) => connection.end(`HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n${body}`));
    await new Promise<void>((resolve) => other.listen(path, resolve));
    chmodSync(path, 0o600);
    const { problems } = await askServers([folder.path], controlPaths.status, statusSchema);
    expect(problems).toEqual([`${path}: a server of another version answers (status 200).`]);
    other.close();
  }
  const silent = createServer();
  await new Promise<void>((resolve) => silent.listen(path, resolve));
  chmodSync(path, 0o600);
  const { problems: late } = await askServers([folder.path], controlPaths.status, statusSchema, 50);
  expect(late).toEqual([`${path}: no answer within 0.05 s.`]);
  silent.close();
});

test("a folder that cannot be used is refused, with what to do", async () => {
  await using folder = await privateFolder();
  const refused = (path: string) => {
    try {
      openControl(path, "serve", controlled);
      return "opened";
    } catch (error) {
      return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    }
  };
  const loose = join(folder.path, "loose");
  mkdirSync(loose);
  chmodSync(loose, 0o750);
  expect(refused(loose)).toBe(`ControlError: ${loose} is open to other users (mode 750). Run: chmod 700 ${loose}`);
  const link = join(folder.path, "link");
  const target = join(folder.path, "target");
  mkdirSync(target, { mode: 0o700 });
  symlinkSync(target, link);
  expect(refused(link)).toContain(`${link} is a symbolic link`);
  expect(readdirSync(target)).toEqual([]);
  const file = join(folder.path, "file");
  await Bun.write(file, "");
  expect(refused(file)).toContain(`${file} is not a folder`);
  const open = join(folder.path, "open");
  mkdirSync(open);
  chmodSync(open, 0o777);
  expect(refused(join(open, "mine"))).toContain("is writable by every user");
  chmodSync(open, 0o1777);
  expect(refused("/proc/proxmox-mcp")).toContain("cannot be created (");
});

test.skipIf(!canActAsOthers())("another user cannot connect, not even where the folder lets them pass", async () => {
  await using folder = await privateFolder();
  const socket = openControl(folder.path, "serve", controlled);
  const script =
    'try { await Bun.connect({ unix: process.argv.at(-1), socket: { data() {} } }); console.log("connected"); } catch (error) { console.log(error.code); }';
  const connect = async () => {
    const child = Bun.spawn([...asNobody, process.execPath, "-e", script, socket.path], { cwd: "/", stdout: "pipe" });
    return (await child.stdout.text()).trim();
  };
  expect(await connect()).toBe("EACCES");
  chmodSync(folder.path, 0o755);
  expect(await connect()).toBe("EACCES");
  chmodSync(folder.path, 0o700);
  await socket.close();
});
