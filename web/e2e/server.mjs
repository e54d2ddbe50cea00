// The built binary as the tests run it: on a free port, with a folder of its own; it can be killed and come back.
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A port that is free now. */
export function freePort() {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

export class Server {
  constructor(binary, port, flags = []) {
    this.binary = binary;
    this.port = port;
    this.flags = flags;
    this.scheme = "http";
    this.data = mkdtempSync(join(tmpdir(), "tsumugi-e2e-"));
    this.process = null;
    /** The one-time link of the first run, where the start printed one. */
    this.firstRun = null;
  }

  /** Runs another command over the same folder; gives what it printed. */
  run(...words) {
    const done = spawnSync(this.binary, [...words, "--data", this.data], { encoding: "utf8" });
    if (done.status !== 0) throw new Error(`${words.join(" ")}: ${done.stderr}`);
    return done.stdout.trim();
  }

  /** Creates an account before the start; gives the path of the link that sets its password. */
  addUser(user, name, role, department) {
    const said = this.run("account", "add", "--user", user, "--name", name, "--role", role, "--department", department);
    return JSON.parse(said).set_password;
  }

  get address() {
    return `${this.scheme}://127.0.0.1:${this.port}`;
  }

  /** Starts the server and waits for its line; gives the milliseconds until then. */
  start() {
    const began = Date.now();
    this.process = spawn(this.binary, ["serve", "--addr", `127.0.0.1:${this.port}`, "--data", this.data, "--dummies", ...this.flags]);
    this.firstRun = null;
    let printed = "";
    return new Promise((resolve, reject) => {
      let said = "";
      this.process.stderr.on("data", (bytes) => (said += bytes));
      this.process.stdout.on("data", (bytes) => {
        printed += bytes;
        if (!printed.includes(this.address)) return;
        this.firstRun = /http\S+first-run\S+/.exec(printed)?.[0] ?? null;
        resolve(Date.now() - began);
      });
      this.process.once("exit", (code) => reject(new Error(`the server ended (${code}): ${said}`)));
    });
  }

  /** Ends it as a power cut would. */
  kill() {
    return new Promise((resolve) => {
      this.process.removeAllListeners("exit");
      this.process.once("exit", resolve);
      this.process.kill("SIGKILL");
    });
  }

  async end() {
    if (this.process?.exitCode === null) await this.kill();
    rmSync(this.data, { recursive: true, force: true });
  }
}
