// The live line to the server; it comes back by itself when it breaks.
import type { Heard, Said } from "./messages";

const longestWait = 4000;

export class Line {
  private socket: WebSocket | null = null;
  private wait = 250;
  private ended = false;

  constructor(
    private readonly address: string,
    private readonly heard: (message: Heard) => void,
    private readonly broken: () => void,
  ) {
    this.connect();
  }

  /** Whether something said now reaches the server. */
  get open(): boolean {
    return this.socket?.readyState === WebSocket.OPEN;
  }

  /** Says something; gives whether it was sent. */
  say(message: Said): boolean {
    if (!this.open) return false;
    this.socket?.send(JSON.stringify(message));
    return true;
  }

  /** Ends the line for good. */
  end(): void {
    this.ended = true;
    this.socket?.close();
  }

  private connect(): void {
    const socket = new WebSocket(this.address);
    this.socket = socket;
    socket.addEventListener("message", (event) => {
      this.wait = 250;
      this.heard(JSON.parse(String(event.data)) as Heard);
    });
    socket.addEventListener("close", () => {
      if (this.ended) return;
      this.broken();
      setTimeout(() => this.connect(), this.wait);
      this.wait = Math.min(this.wait * 2, longestWait);
    });
  }
}
