// What may come next: a list under the caret and ghost text behind it, in a layer of their own outside the text. Nothing
// is shown while a composition goes on, nothing is taken but by a key that says so, and what comes late is left out.
import { h } from "./dom";
import type { Editor } from "./editor";
import type { Said, Snippet, Suggestions } from "./messages";
import { toUtf16 } from "./offsets";
import { fill, t } from "./text";

/** Milliseconds of rest after which is asked. */
const rest = 80;

interface Row {
  /** First place of the text that is replaced, UTF-16. */
  from: number;
  text: string;
  note: string;
  snippet: Snippet | null;
}

export interface OfferHooks {
  say(said: Said): boolean;
  /** Revision of the text that was understood last and is still the text; none otherwise. */
  understood(): number | null;
  isOn(): boolean;
  speak(text: string): void;
  /** A snippet was chosen, to replace the text between two places. */
  snippet(snippet: Snippet, from: number, to: number): void;
}

export class OfferPanel {
  private readonly list = h("ul", { class: "offers", id: "offers", role: "listbox", "aria-label": t("input.offers") });
  private readonly ghost = h("span", { class: "foretold", "aria-hidden": "true" });
  private rows: Row[] = [];
  private at = -1;
  private caret = -1;
  private due = false;
  private timer: number | undefined;
  private askedAt = 0;

  constructor(
    private readonly editor: Editor,
    private readonly paper: HTMLElement,
    private readonly hooks: OfferHooks,
  ) {
    this.list.hidden = true;
    this.ghost.hidden = true;
    paper.append(this.list, this.ghost);
    editor.view.scrollDOM.addEventListener("scroll", () => this.close());
  }

  get open(): boolean {
    return this.rows.length > 0;
  }

  /** The text changed: ask once it rests. */
  changed(): void {
    this.close();
    window.clearTimeout(this.timer);
    this.due = false;
    if (!this.hooks.isOn() || this.editor.composing) return;
    this.timer = window.setTimeout(() => {
      this.due = true;
      this.ask();
    }, rest);
  }

  /** Asks, where the text has rested and was understood. */
  ask(): void {
    const rev = this.hooks.understood();
    if (!this.due || rev === null || !this.hooks.isOn() || this.editor.composing || !this.editor.view.hasFocus) return;
    this.due = false;
    this.askedAt = performance.now();
    const caret = [...this.editor.text.slice(0, this.editor.caret)].length;
    this.hooks.say({ type: "predict", rev, caret });
  }

  /** The caret moved. */
  moved(): void {
    if (this.open && this.editor.caret !== this.caret) this.close();
  }

  /** Shows an answer; one to another text or another place is left out. */
  show(answer: Suggestions): void {
    const { text, caret } = this.editor;
    const isLate = answer.rev !== this.hooks.understood() || [...text.slice(0, caret)].length !== answer.caret;
    if (isLate || this.editor.composing || !this.hooks.isOn() || !this.editor.view.hasFocus) return;
    if (this.askedAt > 0) performance.measure("tsumugi.predict", { start: this.askedAt, end: performance.now() });
    this.askedAt = 0;
    const at = toUtf16(text);
    const snippets = answer.snippets.map((snippet) => ({ from: at(snippet.start), text: snippet.name, note: `${t("input.snippet")} ${snippet.key}`, snippet }));
    const names = answer.list.map((own) => ({ from: at(own.start), text: own.text, note: own.why, snippet: null }));
    this.rows = [...snippets, ...names].slice(0, 5);
    this.at = -1;
    this.caret = caret;
    if (this.rows.length === 0) return this.close();
    this.draw(answer.sure && snippets.length === 0);
    this.hooks.speak(fill("input.live", { count: this.rows.length, first: this.rows[0]?.text ?? "" }));
  }

  close(): void {
    this.rows = [];
    this.at = -1;
    this.list.hidden = true;
    this.ghost.hidden = true;
  }

  /** Acts on a key of the text; gives whether it did. */
  key(event: KeyboardEvent): boolean {
    if (event.ctrlKey && event.code === "Space" && !event.altKey && !event.metaKey) {
      this.due = true;
      this.ask();
      return true;
    }
    if (!this.open || event.ctrlKey || event.altKey || event.metaKey || event.shiftKey) return false;
    if (event.key === "Tab") return this.take(this.at >= 0 ? this.at : this.ghost.hidden ? -1 : 0);
    if (event.key === "Enter") return this.take(this.at);
    if (event.key === "ArrowDown") return this.step(1);
    if (event.key === "ArrowUp") return this.at >= 0 && this.step(-1);
    if (event.key !== "Escape") return false;
    this.close();
    return true;
  }

  private step(by: number): boolean {
    this.at = Math.max(-1, Math.min(this.rows.length - 1, this.at + by));
    for (const [index, row] of [...this.list.children].entries()) row.setAttribute("aria-selected", String(index === this.at));
    const row = this.rows[this.at];
    if (row) this.hooks.speak(`${row.text} ${row.note}`);
    return true;
  }

  private take(index: number): boolean {
    const row = this.rows[index];
    if (!row) return false;
    const to = this.caret;
    this.close();
    if (row.snippet) this.hooks.snippet(row.snippet, row.from, to);
    else this.editor.insert(row.from, to, row.text);
    return true;
  }

  private draw(isSure: boolean): void {
    const line = this.editor.lineAtCaret();
    if (!line) return this.close();
    const first = this.rows[0];
    const typed = this.editor.text.slice(first?.from ?? 0, this.caret);
    const isGhost = isSure && line.isEnd && first !== undefined;
    const rows = this.rows.map((row, index) => {
      const kbd = index === 0 && isGhost ? h("kbd", {}, "Tab") : null;
      const item = h("li", { role: "option", "aria-selected": "false", title: row.note }, h("span", { class: "offer" }, row.text), kbd, h("span", { class: "note" }, row.note));
      item.addEventListener("mousedown", (event) => {
        event.preventDefault();
        this.take(index);
      });
      return item;
    });
    this.list.replaceChildren(...rows);
    this.list.style.maxWidth = "";
    this.list.hidden = false;
    const paper = this.paper.getBoundingClientRect();
    const width = Math.min(this.list.offsetWidth, paper.width - 8);
    const left = Math.max(4, Math.min(line.left - paper.left, paper.width - width - 4));
    const height = this.list.offsetHeight;
    const isBelow = line.bottom + height + 8 < window.innerHeight || line.top < height;
    this.list.style.left = `${left}px`;
    // A reason that is shown later must not widen it beyond the paper.
    this.list.style.maxWidth = `${paper.width - left - 4}px`;
    this.list.style.top = `${(isBelow ? line.bottom + 4 : line.top - height - 4) - paper.top}px`;
    this.ghost.hidden = !isGhost;
    if (!isGhost) return;
    this.ghost.textContent = first.text.startsWith(typed) ? first.text.slice(typed.length) : `\u2192${first.text}`;
    this.ghost.style.left = `${line.left - paper.left}px`;
    this.ghost.style.top = `${line.top - paper.top}px`;
    this.ghost.style.maxWidth = `${Math.max(0, paper.right - line.left - 8)}px`;
    this.ghost.style.height = this.ghost.style.lineHeight = `${line.bottom - line.top}px`;
  }
}
