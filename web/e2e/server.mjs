// The built binary as the tests run it: on a free port, with a folder of its own; it can be killed and come back.
import { spawn } from "node:child_process";
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
  constructor(binary, port) {
    this.binary = binary;
    this.port = port;
    this.data = mkdtempSync(join(tmpdir(), "tsumugi-e2e-"));
    this.process = null;
  }

  get address() {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Starts the server and waits for its line; gives the milliseconds until then. */
  start() {
    const began = Date.now();
    this.process = spawn(this.binary, ["serve", "--addr", `127.0.0.1:${this.port}`, "--data", this.data, "--dummies"]);
    return new Promise((resolve, reject) => {
      let said = "";
      this.process.stderr.on("data", (bytes) => (said += bytes));
      this.process.stdout.on("data", (bytes) => String(bytes).includes(this.address) && resolve(Date.now() - began));
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
