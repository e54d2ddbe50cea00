// The lists beside the text: what was understood, and what is still open.
import { h } from "./dom";
import type { Fact, Phrase, Place, Question } from "./messages";
import { fill, t } from "./text";

export interface PanelHooks {
  look(places: Place[]): void;
  go(place: Place): void;
  correct(fact: Fact, near: HTMLElement): void;
  reason(fact: Fact, near: HTMLElement): void;
  /** The reason that was given, or none. */
  reasonOf(concept: string): string;
  settle(phrase: Phrase, concept: string, remember: boolean): void;
  answer(question: Question, option: string): void;
}

/** Draws anew only what changed, and gives the focus back to what had it. */
function redraw(container: HTMLElement, content: HTMLElement[]): void {
  const focused = document.activeElement;
  const key = focused && container.contains(focused) ? focused.closest<HTMLElement>("[data-key]")?.dataset["key"] : undefined;
  const open = new Set([...container.querySelectorAll<HTMLElement>("details[open]")].map((one) => one.dataset["key"]));
  container.replaceChildren(...content);
  for (const details of container.querySelectorAll("details")) if (open.has(details.dataset["key"])) details.open = true;
  if (key === undefined) return;
  const same = [...container.querySelectorAll<HTMLElement>("[data-key]")].find((one) => one.dataset["key"] === key);
  const next = same ?? container.querySelector<HTMLElement>("[data-key]");
  (next?.querySelector<HTMLElement>("summary, button") ?? next)?.focus();
}

export class FactPanel {
  private shown = "";

  constructor(
    private readonly container: HTMLElement,
    private readonly count: HTMLElement,
    private readonly hooks: PanelHooks,
  ) {}

  show(facts: Fact[]): void {
    const now = JSON.stringify([facts, facts.map((fact) => this.hooks.reasonOf(fact.concept))]);
    if (now === this.shown) return;
    this.shown = now;
    this.count.textContent = String(facts.length);
    const list = h("ul", { class: "facts" }, ...facts.map((fact) => this.row(fact)));
    redraw(this.container, facts.length > 0 ? [list] : [h("p", { class: "empty" }, t("note.facts-none"))]);
  }

  private row(fact: Fact): HTMLElement {
    const summary = h("summary", {}, ...this.head(fact));
    const key = `${fact.concept}/${fact.places[0]?.text ?? ""}/${fact.remarks.join()}`;
    const details = h("details", { "data-key": key }, summary, this.why(fact));
    summary.addEventListener("focus", () => this.hooks.look(fact.places));
    summary.addEventListener("blur", () => this.hooks.look([]));
    summary.addEventListener("mouseenter", () => this.hooks.look(fact.places));
    summary.addEventListener("mouseleave", () => this.hooks.look([]));
    summary.addEventListener("keydown", (event) => {
      if (event.altKey && event.key === "Enter") {
        event.preventDefault();
        event.stopPropagation();
        this.hooks.correct(fact, summary);
      } else if (event.altKey && event.code === "KeyR") {
        event.preventDefault();
        event.stopPropagation();
        this.hooks.reason(fact, summary);
      } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
        event.preventDefault();
        const all = [...this.container.querySelectorAll("summary")];
        all[all.indexOf(summary) + (event.key === "ArrowDown" ? 1 : -1)]?.focus();
      }
    });
    const state = `${fact.absent ? " absent" : ""}${fact.suspected ? " suspected" : ""}`;
    return h("li", { class: `fact${state}` }, details);
  }

  private head(fact: Fact): HTMLElement[] {
    return [
      h("span", { class: `key ${fact.shape}`, "aria-hidden": "true" }),
      h(
        "span",
        { class: "fact-name" },
        fact.absent && h("span", { class: "sign" }, t("note.absent")),
        fact.name,
        fact.value && " ",
        fact.value && h("span", { class: "value" }, fact.value),
      ),
      h("span", { class: "fact-code" }, fact.code),
      h(
        "span",
        { class: "fact-more" },
        h("span", { class: "kind" }, fact.kind),
        ...fact.remarks.map((remark) => h("span", { class: "remark" }, remark)),
        fact.time && h("span", { class: "time" }, fact.time),
        this.hooks.reasonOf(fact.concept) && h("span", { class: "remark" }, t("note.reason"), " \u2713"),
      ),
    ];
  }

  private why(fact: Fact): HTMLElement {
    const places = fact.places.map((place) => {
      const button = h("button", { type: "button", class: "quote" }, place.text);
      button.addEventListener("click", () => this.hooks.go(place));
      return button;
    });
    const rules = fact.rules.flatMap((rule) => [
      h("dt", {}, t("note.why-rule")),
      h("dd", {}, h("code", {}, rule.rule), rule.source && h("br"), rule.source),
    ]);
    const correct = h("button", { type: "button", class: "quiet" }, t("note.correct"), " ", h("kbd", {}, "Alt+Enter"));
    correct.addEventListener("click", () => this.hooks.correct(fact, correct));
    const reason = h("button", { type: "button", class: "quiet" }, t("note.reason"), " ", h("kbd", {}, "Alt+R"));
    reason.addEventListener("click", () => this.hooks.reason(fact, reason));
    const given = this.hooks.reasonOf(fact.concept);
    return h(
      "dl",
      { class: "why" },
      h("dt", {}, t("note.why-words")),
      h("dd", {}, ...places),
      ...rules,
      fact.earlier && h("dt", {}, t("note.why-rule")),
      fact.earlier && h("dd", {}, t("note.why-earlier")),
      h("dt", {}, t("note.why-codes")),
      h("dd", {}, ...fact.codes.map((code) => h("span", { class: "code" }, code.system, " ", h("code", {}, code.code)))),
      given && h("dt", {}, t("note.reason")),
      given && h("dd", {}, h("q", {}, given)),
      h("dd", { class: "act" }, reason, fact.surface && correct),
    );
  }
}

export class OpenPanel {
  private shown = "";
  private digits = true;
  /** The phrase that the keys settle. */
  active: Phrase | null = null;
  /** The phrase that the caret or the focus is in. */
  keyed: Phrase | null = null;
  /** The question that the keys answer. */
  question: Question | null = null;

  constructor(
    private readonly section: HTMLElement,
    private readonly container: HTMLElement,
    private readonly hooks: PanelHooks,
  ) {}

  /** Shows what is open; `at` is the phrase the caret stands in. Where the digits mean something else (`digits` is
   *  off), they choose only for a phrase that the caret or the focus is in. */
  show(phrases: Phrase[], questions: Question[], remarks: string[], at: Phrase | null, digits: boolean): void {
    this.keyed = this.focusedPhrase(phrases) ?? at;
    this.active = this.keyed ?? phrases[0] ?? null;
    this.digits = digits || this.keyed !== null;
    this.question = questions[0] ?? null;
    const now = JSON.stringify([phrases, questions, remarks, this.active?.start, this.digits]);
    if (now === this.shown) return;
    this.shown = now;
    this.section.hidden = phrases.length === 0 && questions.length === 0 && remarks.length === 0;
    redraw(this.container, [
      h("ul", { class: "phrases" }, ...phrases.map((phrase) => this.phrase(phrase, phrase === this.active))),
      h("ul", { class: "questions" }, ...questions.map((question, index) => this.ask(question, index === 0))),
      h("ul", { class: "remarks" }, ...remarks.map((remark) => h("li", {}, remark))),
    ]);
  }

  private focusedPhrase(phrases: Phrase[]): Phrase | null {
    const key = document.activeElement?.closest<HTMLElement>(".phrase")?.dataset["key"];
    return phrases.find((phrase) => `phrase/${phrase.start}` === key) ?? null;
  }

  private phrase(phrase: Phrase, active: boolean): HTMLElement {
    const row = h("li", { class: active ? "phrase active" : "phrase", "data-key": `phrase/${phrase.start}` });
    const go = h("button", { type: "button", class: "quote" }, phrase.text);
    go.addEventListener("click", () => this.hooks.go(phrase));
    go.addEventListener("focus", () => this.hooks.look([phrase]));
    go.addEventListener("blur", () => this.hooks.look([]));
    row.append(h("p", { class: "phrase-head" }, go, h("span", { class: "hint" }, t("note.unread"))));
    const options = phrase.candidates.slice(0, 5).map((candidate, index) => {
      const button = h("button", { type: "button" }, active && this.digits && h("kbd", {}, `Alt+${index + 1}`), h("span", {}, candidate.name), h("code", {}, candidate.code));
      button.addEventListener("click", () => this.hooks.settle(phrase, candidate.concept, true));
      return h("li", {}, button);
    });
    if (options.length > 0) row.append(h("ol", { class: "candidates" }, ...options));
    const keep = h("button", { type: "button", class: "quiet" }, active && h("kbd", {}, "Alt+Y"), t("note.keep"));
    keep.addEventListener("click", () => this.hooks.settle(phrase, "", false));
    const ignore = h("button", { type: "button", class: "quiet" }, active && h("kbd", {}, "Alt+N"), t("note.ignore"));
    ignore.addEventListener("click", () => this.hooks.settle(phrase, "", true));
    row.append(h("p", { class: "acts" }, keep, ignore));
    return row;
  }

  private ask(question: Question, active: boolean): HTMLElement {
    const options = question.options.slice(0, 5).map((option, index) => {
      const button = h("button", { type: "button" }, active && h("kbd", {}, fill("note.answer-key", { number: index + 1 })), h("span", {}, option));
      button.addEventListener("click", () => this.hooks.answer(question, option));
      return h("li", {}, button);
    });
    return h(
      "li",
      { class: "question", "data-key": `question/${question.rule}` },
      h("p", { class: "phrase-head" }, h("strong", {}, question.ask)),
      h("ol", { class: "candidates" }, ...options),
    );
  }
}
