// The panel of decision support: asked for when the text has rested, never while it is off.
import { need } from "./dom";
import type { Said } from "./messages";

/** Milliseconds of rest after which the knowledge is asked. */
const rest = 350;

export class SupportPanel {
  private readonly root = need("support");
  private readonly body = need("support-body");
  private timer: number | undefined;
  private asked = -1;

  constructor(
    private readonly say: (said: Said) => boolean,
    private readonly now: () => number,
    private readonly switched: () => void,
  ) {
    for (const button of this.root.querySelectorAll<HTMLButtonElement>("button[data-kind]")) {
      button.addEventListener("click", () => this.toggle(button));
    }
  }

  get on(): boolean {
    return this.root.dataset["on"] === "true";
  }

  /** Whether a kind of support is on, and the site has allowed it. */
  isOn(kind: string): boolean {
    const button = this.root.querySelector<HTMLButtonElement>(`button[data-kind="${kind}"]`);
    return this.on && button?.getAttribute("aria-pressed") === "true" && !button.disabled;
  }

  /** The text was understood: ask once it rests. */
  understood(): void {
    window.clearTimeout(this.timer);
    if (!this.on) return;
    this.timer = window.setTimeout(() => {
      const rev = this.now();
      if (this.on && rev !== this.asked && this.say({ type: "support", rev })) this.asked = rev;
    }, rest);
  }

  /** An answer; one to an older text is left out. What the reader has opened stays open. */
  show(answer: { rev: number; on: boolean; html: string }): void {
    this.root.dataset["on"] = String(answer.on);
    if (answer.rev !== this.now() || this.body.contains(document.activeElement)) {
      if (answer.on && answer.rev !== this.now()) this.understood();
      return;
    }
    const opened = new Set([...this.body.querySelectorAll("details[open] > summary")].map((one) => one.textContent));
    const top = this.root.scrollTop;
    this.body.innerHTML = answer.html;
    for (const summary of this.body.querySelectorAll("summary")) {
      if (opened.has(summary.textContent)) (summary.parentElement as HTMLDetailsElement).open = true;
    }
    this.root.scrollTop = top;
  }

  /** All support on or off. */
  toggleAll(): void {
    this.toggle(need<HTMLButtonElement>("support-all"));
  }

  private toggle(button: HTMLButtonElement): void {
    const on = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(on));
    const kind = button.dataset["kind"] ?? "all";
    if (kind === "all") {
      this.root.dataset["on"] = String(on);
      if (!on) this.body.replaceChildren();
    }
    this.asked = -1;
    this.say({ type: "switch", kind, on });
    this.switched();
  }
}
