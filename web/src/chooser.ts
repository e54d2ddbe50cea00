// Numbered concepts to choose from in place of a wrong one: one key opens it, a digit chooses.
import { h } from "./dom";
import type { Candidate } from "./messages";
import { fill, t } from "./text";

export class Chooser {
  private box: HTMLElement | null = null;
  private list: Candidate[] = [];
  private early: string | null = null;
  private ready = false;
  private back: HTMLElement | null = null;
  private chosen: (concept: string) => void = () => {};

  get open(): boolean {
    return this.box !== null;
  }

  /** Opens at a place of the screen; what is chosen goes to `chosen`, an empty concept for "no fact". */
  show(name: string, at: { left: number; bottom: number }, chosen: (concept: string) => void): void {
    this.close();
    this.chosen = chosen;
    this.back = document.activeElement as HTMLElement | null;
    this.list = [];
    this.early = null;
    this.ready = false;
    const box = h("div", { class: "chooser", role: "dialog", "aria-label": t("note.correct"), tabindex: "-1" });
    box.append(h("p", { class: "chooser-head" }, fill("note.correct-of", { name })), h("ol", { class: "candidates" }));
    box.addEventListener("keydown", (event) => this.key(event));
    box.addEventListener("focusout", (event) => {
      if (event.relatedTarget instanceof Node && box.contains(event.relatedTarget)) return;
      setTimeout(() => this.box === box && !box.contains(document.activeElement) && this.close(false), 0);
    });
    document.body.append(box);
    this.box = box;
    const width = Math.min(380, window.innerWidth - 16);
    box.style.width = `${width}px`;
    box.style.left = `${Math.max(8, Math.min(at.left, window.innerWidth - width - 8))}px`;
    box.style.top = `${Math.min(at.bottom + 6, window.innerHeight - 120)}px`;
    box.focus();
  }

  /** Fills in what can be chosen. */
  fillIn(list: Candidate[]): void {
    if (!this.box) return;
    this.list = list;
    this.ready = true;
    const rows = list.map((candidate, index) => {
      const button = h("button", { type: "button" }, h("kbd", {}, String(index + 1)), h("span", {}, candidate.name), h("code", {}, candidate.code));
      button.addEventListener("click", () => this.take(candidate.concept));
      return h("li", {}, button);
    });
    const none = h("button", { type: "button" }, h("kbd", {}, "0"), h("span", {}, t("note.no-fact")));
    none.addEventListener("click", () => this.take(""));
    this.box.querySelector("ol")?.replaceChildren(...rows, h("li", {}, none));
    const overflow = this.box.getBoundingClientRect().bottom - window.innerHeight + 8;
    if (overflow > 0) this.box.style.top = `${Math.max(8, this.box.offsetTop - overflow)}px`;
    if (this.early !== null) this.digit(this.early);
  }

  close(refocus = true): void {
    this.box?.remove();
    this.box = null;
    if (refocus) this.back?.focus();
  }

  private key(event: KeyboardEvent): void {
    if (event.isComposing) return;
    const digit = /^(?:Digit|Numpad)(\d)$/.exec(event.code)?.[1];
    if (event.key === "Escape") this.close();
    else if (digit !== undefined && !event.ctrlKey && !event.metaKey) this.digit(digit);
    else if (event.key === "ArrowDown" || event.key === "ArrowUp") this.step(event.key === "ArrowDown" ? 1 : -1);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  private digit(digit: string): void {
    // A digit that comes before the list is kept for it.
    if (!this.ready) this.early = digit;
    else if (digit === "0") this.take("");
    else this.take(this.list[Number(digit) - 1]?.concept);
  }

  private step(by: number): void {
    const all = [...(this.box?.querySelectorAll("button") ?? [])];
    const now = all.indexOf(document.activeElement as HTMLButtonElement);
    all[(now + by + all.length) % all.length]?.focus();
  }

  private take(concept: string | undefined): void {
    if (concept === undefined) return;
    this.close();
    this.chosen(concept);
  }
}
