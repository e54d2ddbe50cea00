// A snippet is filled in slot by slot beside the text and written as a whole: what nobody chose is never in the note.
import { h } from "./dom";
import type { Part, Snippet } from "./messages";
import { fill, t } from "./text";

/** Where the writer fills in words of his own. */
const blank = "_";
const isSeparator = (text: string): boolean => /^[\s\u3001,\uff0c]*$/.test(text);

/** The text with its slots filled, in order; an empty slot, or one with an open blank, vanishes with the separator
 *  before it, and a snippet without any filled slot vanishes whole. */
export function filled(parts: Part[], fills: string[]): string {
  let [text, separator, slot] = ["", "", 0];
  let [isFilled, isOpen] = [false, true];
  for (const part of parts) {
    if ("text" in part) {
      if (!isSeparator(part.text)) {
        text += separator + part.text;
        separator = "";
      } else if (!isOpen) separator = part.text;
      isOpen = true;
      continue;
    }
    const words = fills[slot++] ?? "";
    if (words === "" || words.includes(blank)) continue;
    text += separator + words;
    separator = "";
    [isFilled, isOpen] = [true, false];
  }
  return isFilled ? text : "";
}

export class SnippetPanel {
  private box: HTMLElement | null = null;
  private slots: string[][] = [];
  private fills: string[] = [];
  private now = 0;
  private snippet: Snippet | null = null;
  private done: (text: string | null) => void = () => {};

  get open(): boolean {
    return this.box !== null;
  }

  /** Opens below a place of the screen; `done` gets the text, or nothing where it was given up. */
  show(snippet: Snippet, at: { left: number; bottom: number }, done: (text: string | null) => void): void {
    this.close();
    this.snippet = snippet;
    this.done = done;
    this.slots = snippet.parts.flatMap((part) => ("slot" in part ? [part.slot] : []));
    this.fills = this.slots.map(() => "");
    this.now = 0;
    const box = h("div", { class: "chooser snippet", role: "dialog", "aria-label": `${t("input.snippet")} ${snippet.name}`, tabindex: "-1" });
    box.addEventListener("keydown", (event) => this.key(event));
    box.addEventListener("focusout", () => {
      setTimeout(() => this.box === box && !box.contains(document.activeElement) && this.close(), 0);
    });
    document.body.append(box);
    this.box = box;
    const width = Math.min(460, window.innerWidth - 16);
    box.style.width = `${width}px`;
    box.style.left = `${Math.max(8, Math.min(at.left, window.innerWidth - width - 8))}px`;
    box.style.top = `${at.bottom + 6}px`;
    this.draw();
  }

  private close(): void {
    this.box?.remove();
    this.box = null;
  }

  private draw(): void {
    const { box, snippet } = this;
    if (!box || !snippet) return;
    let slot = -1;
    const preview = snippet.parts.map((part) => {
      if ("text" in part) return h("span", {}, part.text);
      slot += 1;
      const own = this.fills[slot] || (slot === this.now ? "▢" : "…");
      return h("span", { class: slot === this.now ? "slot now" : "slot" }, own);
    });
    const choices = (this.slots[this.now] ?? []).map((choice, index) => {
      const button = h("button", { type: "button", "aria-pressed": String(this.fills[this.now] === choice) }, h("kbd", {}, String(index + 1)), h("span", {}, choice));
      button.addEventListener("click", () => this.choose(choice));
      return h("li", {}, button);
    });
    const none = h("button", { type: "button" }, h("kbd", {}, "Tab"), h("span", {}, t("input.snippet-none")));
    none.addEventListener("click", () => this.step(1));
    box.replaceChildren(
      h("p", { class: "chooser-head" }, snippet.name, ` ${this.now + 1}/${this.slots.length}`),
      h("p", { class: "preview", "aria-live": "polite" }, ...preview),
      h("ol", { class: "candidates" }, ...choices, h("li", {}, none)),
      h("p", { class: "hint" }, t("input.snippet-keys")),
    );
    const overflow = box.getBoundingClientRect().bottom - window.innerHeight + 8;
    if (overflow > 0) box.style.top = `${Math.max(8, box.offsetTop - overflow)}px`;
    box.focus();
  }

  /** Takes a choice; its blanks are asked for first. */
  private choose(choice: string): void {
    if (!choice.includes(blank)) {
      this.fills[this.now] = choice;
      return this.step(1);
    }
    const pieces = choice.split(blank);
    const inputs = pieces.slice(1).map((_, index) => h("input", { type: "text", size: "6", "aria-label": fill("input.blank", { number: index + 1, choice }) }));
    const row = h("p", { class: "blanks" }, ...pieces.flatMap((piece, index) => [h("span", {}, piece), inputs[index] ?? null]));
    const take = (): void => {
      const words = inputs.map((input) => input.value.trim());
      const isWhole = words.every((word) => word !== "" && !word.includes(blank));
      this.fills[this.now] = isWhole ? pieces.map((piece, index) => piece + (words[index] ?? "")).join("") : "";
      this.step(1);
    };
    row.addEventListener("keydown", (event) => {
      if (event.isComposing || event.keyCode === 229) return event.stopPropagation();
      const next = inputs[inputs.indexOf(event.target as HTMLInputElement) + 1];
      if (event.key === "Escape") return;
      event.stopPropagation();
      if (event.key !== "Enter" && (event.key !== "Tab" || event.shiftKey)) return;
      event.preventDefault();
      if (next) next.focus();
      else take();
    });
    this.box?.querySelector("ol")?.replaceWith(row);
    inputs[0]?.focus();
  }

  private step(by: number): void {
    const next = this.now + by;
    if (next >= this.slots.length) return this.finish();
    this.now = Math.max(0, next);
    this.draw();
  }

  private finish(): void {
    const text = filled(this.snippet?.parts ?? [], this.fills);
    this.close();
    this.done(text);
  }

  private key(event: KeyboardEvent): void {
    if (event.isComposing || event.keyCode === 229) return;
    const digit = Number(/^(?:Digit|Numpad)([1-9])$/.exec(event.code)?.[1] ?? 0);
    const choice = this.slots[this.now]?.[digit - 1];
    if (event.key === "Escape") {
      this.close();
      this.done(null);
    } else if (event.key === "Tab") this.step(event.shiftKey ? -1 : 1);
    else if (event.key === "Enter" && document.activeElement === this.box) this.finish();
    else if (choice !== undefined && !event.ctrlKey && !event.metaKey && !event.altKey) this.choose(choice);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}
