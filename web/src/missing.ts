// The items that are missing, at most five: one key goes to one, one more answers it. None is mandatory, none comes twice.
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
  private items: Missing[] = [];
  private late: Missing[] | null = null;

  constructor(
    private readonly section: HTMLElement,
    private readonly container: HTMLElement,
    private readonly hooks: MissingHooks,
  ) {
    section.addEventListener("focusout", (event) => {
      if (event.relatedTarget instanceof Node && section.contains(event.relatedTarget)) return;
      const late = this.late;
      this.late = null;
      if (late) this.show(late);
    });
  }

  get count(): number {
    return this.items.length;
  }

  /** Shows the items; while one of them has the focus, later. */
  show(items: Missing[]): void {
    this.late = null;
    if (JSON.stringify(items) === JSON.stringify(this.items)) return;
    if (this.container.contains(document.activeElement)) {
      this.late = items;
      return;
    }
    this.items = items;
    this.section.hidden = items.length === 0;
    this.container.replaceChildren(...items.map((item, index) => this.row(item, index)));
  }

  /** Takes an item away at once. */
  close(key: string): void {
    this.late = null;
    this.items = this.items.filter((item) => item.key !== key);
    this.section.hidden = this.items.length === 0;
    this.container.replaceChildren(...this.items.map((item, index) => this.row(item, index)));
  }

  /** Says why an answer was not taken. */
  refuse(key: string, message: string): void {
    const row = [...this.container.querySelectorAll<HTMLElement>("li")].find((one) => one.dataset["key"] === key);
    row?.querySelector(".refused")?.remove();
    row?.append(h("p", { class: "refused", role: "alert" }, message));
  }

  /** Goes to the item of a number, from 1; gives whether there is one. */
  focus(number: number): boolean {
    const row = this.container.children[number - 1];
    row?.querySelector<HTMLElement>("input, button")?.focus();
    return row !== undefined;
  }

  private row(item: Missing, index: number): HTMLElement {
    const id = `missing-${index}`;
    const row = h("li", { class: "item", "data-key": item.key, role: "group", "aria-labelledby": id, "aria-describedby": `${id}-why` });
    row.append(h("p", { class: "item-head" }, h("kbd", {}, `Alt+${index + 1}`), h("strong", { id }, item.label), h("span", { class: "hint" }, item.template)));
    const buttons = item.answers.map((own, place) => this.button(item, own.answer, String(place + 1), own.label));
    const field = item.kind === "choice" ? null : this.field(item, id);
    row.append(h("div", { class: "answers" }, field, item.unit && h("span", { class: "unit" }, item.unit), ...buttons, this.button(item, { is: "unknown" }, "-", t("input.unknown"))));
    row.append(h("p", { class: "reason", id: `${id}-why` }, item.reason));
    row.addEventListener("keydown", (event) => this.key(event, item));
    return row;
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
