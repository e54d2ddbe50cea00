// The items that are missing, in at most five rows: one key goes to a row, one more answers an item and goes to the next
// of the row. None is mandatory, none comes twice.
import { h } from "./dom";
import type { ItemAnswer, Missing } from "./messages";
import { t } from "./text";

export interface MissingHooks {
  answer(item: Missing, answer: ItemAnswer): void;
  /** Back to the text. */
  leave(): void;
}

/** A day as people write it, as ISO 8601; of this year or, where that is to come, of the last. */
export function dayOf(written: string, today = new Date()): string | null {
  const parts = /^(?:(\d{4})[-/.])?(\d{1,2})[-/.](\d{1,2})$/.exec(written);
  if (!parts) return null;
  const [month, day] = [Number(parts[2]), Number(parts[3])];
  let year = Number(parts[1] ?? today.getFullYear());
  if (!parts[1] && new Date(year, month - 1, day) > today) year -= 1;
  const date = new Date(Date.UTC(year, month - 1, day));
  return date.getUTCMonth() === month - 1 && date.getUTCDate() === day ? date.toISOString().slice(0, 10) : null;
}

export class MissingPanel {
  private rows: Missing[][] = [];
  /** The row that is open; of the others only the names stand there, so that the panel stays short. */
  private open = 0;
  private late: Missing[][] | null = null;

  constructor(
    private readonly section: HTMLElement,
    private readonly container: HTMLElement,
    private readonly hooks: MissingHooks,
  ) {
    section.addEventListener("focusout", (event) => {
      if (event.relatedTarget instanceof Node && section.contains(event.relatedTarget)) return;
      // What came while an item had the focus is shown once it has left.
      setTimeout(() => {
        const late = this.late;
        if (late && !this.container.contains(document.activeElement)) this.show(late);
      }, 0);
    });
  }

  get count(): number {
    return this.rows.length;
  }

  /** Shows the rows; while one of their items has the focus, later. */
  show(rows: Missing[][]): void {
    this.late = null;
    if (JSON.stringify(rows) === JSON.stringify(this.rows)) return;
    if (this.container.contains(document.activeElement)) this.late = rows;
    else this.draw(rows);
  }

  /** Takes an item away at once; gives whether the focus has gone from it to the next item of its row. */
  close(key: string): boolean {
    const wasHere = this.container.contains(document.activeElement);
    const row = this.rows.findIndex((items) => items.some((item) => item.key === key));
    const place = this.rows[row]?.findIndex((item) => item.key === key) ?? 0;
    const left = this.rows.map((items) => items.filter((item) => item.key !== key));
    const isLast = (left[row]?.length ?? 0) <= place;
    if (left[row]?.length === 0) this.open = 0;
    this.draw(left.filter((items) => items.length > 0));
    if (!wasHere || isLast) return false;
    const next = this.container.children[row]?.querySelectorAll<HTMLElement>(".ask")[place];
    next?.querySelector<HTMLElement>("input, button")?.focus();
    return next !== undefined;
  }

  /** Says why an answer was not taken. */
  refuse(key: string, message: string): void {
    const row = [...this.container.querySelectorAll<HTMLElement>(".ask")].find((one) => one.dataset["key"] === key);
    row?.querySelector(".refused")?.remove();
    row?.append(h("p", { class: "refused", role: "alert" }, message));
  }

  /** Goes to the row of a number, from 1; gives whether there is one. */
  focus(number: number): boolean {
    const row = this.container.children[number - 1];
    if (row) this.unfold(number - 1);
    row?.querySelector<HTMLElement>(".ask input, .ask button")?.focus();
    return row !== undefined;
  }

  private unfold(row: number): void {
    this.open = row;
    [...this.container.children].forEach((one, index) => {
      one.toggleAttribute("data-shut", index !== row);
      one.querySelector(".item-head")?.setAttribute("aria-expanded", String(index === row));
    });
  }

  private draw(rows: Missing[][]): void {
    this.rows = rows;
    this.section.hidden = rows.length === 0;
    const drawn = rows.map((items, index) => {
      const names = h("span", { class: "labels" }, ...items.map((item) => h("span", {}, item.label)));
      const head = h("button", { type: "button", class: "item-head" }, h("kbd", {}, `Alt+${index + 1}`), names, h("span", { class: "hint" }, items[0]?.template));
      head.addEventListener("click", () => this.unfold(index));
      return h("li", { class: "item" }, head, ...items.map((item, place) => this.ask(item, `missing-${index}-${place}`)));
    });
    this.container.replaceChildren(...drawn);
    this.unfold(this.open < rows.length ? this.open : 0);
  }

  private ask(item: Missing, id: string): HTMLElement {
    const ask = h("div", { class: "ask", "data-key": item.key, role: "group", "aria-labelledby": id, "aria-describedby": `${id}-why` });
    const buttons = item.answers.map((own, place) => this.button(item, own.answer, String(place + 1), own.label));
    const field = item.kind === "choice" ? null : this.field(item, id);
    const unknown = this.button(item, { is: "unknown" }, "-", t("input.unknown"));
    ask.append(
      h("div", { class: "answers" }, h("strong", { id }, item.label), field, item.unit && h("span", { class: "unit" }, item.unit), ...buttons, unknown),
      h("p", { class: "reason", id: `${id}-why` }, item.reason),
    );
    ask.addEventListener("keydown", (event) => this.key(event, item));
    return ask;
  }

  private button(item: Missing, answer: ItemAnswer, key: string, label: string): HTMLElement {
    const button = h("button", { type: "button", class: answer.is === "unknown" ? "quiet" : "" }, h("kbd", {}, key), h("span", {}, label));
    button.addEventListener("click", () => this.hooks.answer(item, answer));
    return button;
  }

  private field(item: Missing, label: string): HTMLInputElement {
    const isNumber = item.kind === "quantity";
    const placeholder = item.kind === "date" ? "2026-11-22" : "";
    return h("input", { type: "text", "aria-labelledby": label, inputmode: isNumber ? "decimal" : "text", autocomplete: "off", placeholder, maxlength: "200", class: item.kind });
  }

  private key(event: KeyboardEvent, item: Missing): void {
    if (event.isComposing || event.keyCode === 229 || event.ctrlKey || event.metaKey || event.altKey) return;
    const input = event.target instanceof HTMLInputElement ? event.target : null;
    const answer = input ? null : item.answers[Number(/^(?:Digit|Numpad)([1-9])$/.exec(event.code)?.[1] ?? 0) - 1];
    if (event.key === "Escape") this.hooks.leave();
    else if (event.key === "-" && (!input || input.value === "")) this.hooks.answer(item, { is: "unknown" });
    else if (event.key === "Enter" && input) this.given(item, input.value);
    else if (answer) this.hooks.answer(item, answer.answer);
    else if (event.key === "ArrowRight" || event.key === "ArrowLeft") {
      if (input) return;
      const all = [...(event.currentTarget as HTMLElement).querySelectorAll("button")];
      all[all.indexOf(event.target as HTMLButtonElement) + (event.key === "ArrowRight" ? 1 : -1)]?.focus();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** Takes what was typed. */
  private given(item: Missing, typed: string): void {
    const words = typed.normalize("NFKC").trim();
    if (words === "") return;
    if (item.kind === "text") return this.hooks.answer(item, { is: "text", value: typed.trim() });
    if (item.kind === "date") {
      const day = dayOf(words);
      return day ? this.hooks.answer(item, { is: "date", value: day }) : this.refuse(item.key, t("input.refused-date"));
    }
    const number = Number(words);
    if (!Number.isFinite(number)) return this.refuse(item.key, t("input.refused-number"));
    this.hooks.answer(item, { is: "quantity", value: number });
  }
}
