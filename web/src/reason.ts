// Why something was chosen: one key opens a line beside the fact, Enter keeps it, Escape leaves it as it was.
import { h } from "./dom";
import { fill, t } from "./text";

export class ReasonBox {
  private box: HTMLElement | null = null;
  private back: HTMLElement | null = null;

  get open(): boolean {
    return this.box !== null;
  }

  /** Opens at a place of the screen; what is written goes to `said`. */
  show(name: string, words: string, at: { left: number; bottom: number }, said: (words: string) => void): void {
    this.close(false);
    this.back = document.activeElement as HTMLElement | null;
    const input = h("input", { type: "text", maxlength: "500", autocomplete: "off", "aria-label": fill("note.reason-of", { name }) });
    input.value = words;
    const keep = h("button", { type: "submit", class: "primary" }, t("note.reason-keep"), " ", h("kbd", {}, "Enter"));
    const form = h("form", {}, h("p", { class: "chooser-head" }, fill("note.reason-of", { name })), input, h("p", { class: "hint" }, t("note.reason-hint")), keep);
    const box = h("div", { class: "chooser", role: "dialog", "aria-label": t("note.reason") }, form);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.close();
      said(input.value.trim());
    });
    box.addEventListener("keydown", (event) => {
      if (event.isComposing || event.key !== "Escape") return;
      event.preventDefault();
      event.stopPropagation();
      this.close();
    });
    document.body.append(box);
    this.box = box;
    const width = Math.min(420, window.innerWidth - 16);
    box.style.width = `${width}px`;
    box.style.left = `${Math.max(8, Math.min(at.left, window.innerWidth - width - 8))}px`;
    box.style.top = `${Math.max(8, Math.min(at.bottom + 6, window.innerHeight - 200))}px`;
    input.focus();
  }

  close(refocus = true): void {
    this.box?.remove();
    this.box = null;
    if (refocus) this.back?.focus();
  }
}
