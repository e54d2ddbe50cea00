// The bar above the lanes: windows, movements, kinds, a filter by name, print.
import { h } from "../dom";
import { t } from "../text";
import { day, year } from "./data";
import { topics } from "./rows";

/** Windows to choose from; their keys are 1 to 8. */
export const spans: [string, number][] = [["10y", 10 * year], ["5y", 5 * year], ["1y", year], ["3m", year / 4], ["1m", year / 12], ["1w", 7 * day], ["1d", day], ["1h", 3600]];

/** What the bar asks for. */
export interface Wishes {
  show(length: number): void;
  all(): void;
  pan(part: number): void;
  zoom(factor: number): void;
  /** Topics that are shown; none is all. */
  choose(chosen: Set<string>): void;
  filter(words: string): void;
}

/** Makes the bar; `mark` says which window is shown. */
export function tools(wishes: Wishes): { bar: HTMLElement; mark: (length: number) => void } {
  const ranges = h("div", { class: "ranges", role: "group", "aria-label": t("timeline.range") });
  for (const [word, length] of spans) {
    const button = h("button", { type: "button", "data-span": String(length), "aria-pressed": "false" }, t(`timeline.span.${word}`));
    button.addEventListener("click", () => wishes.show(length));
    ranges.append(button);
  }
  const moves: [string, () => void][] = [["all", () => wishes.all()], ["back", () => wishes.pan(-0.5)], ["forth", () => wishes.pan(0.5)], ["out", () => wishes.zoom(2)], ["in", () => wishes.zoom(0.5)]];
  for (const [word, does] of moves) {
    const button = h("button", { type: "button", "aria-label": t(`timeline.do.${word}`), title: t(`timeline.do.${word}`), class: word === "all" ? "" : "sign" }, t(`timeline.sign.${word}`));
    button.addEventListener("click", does);
    ranges.append(button);
  }
  const words = h("input", { type: "search", placeholder: t("timeline.filter"), "aria-label": t("timeline.filter") });
  words.addEventListener("input", () => wishes.filter(words.value));
  const print = h("button", { type: "button" }, t("timeline.print"));
  print.addEventListener("click", () => window.print());
  const mark = (length: number): void => {
    for (const button of ranges.querySelectorAll<HTMLElement>("button[data-span]")) button.setAttribute("aria-pressed", String(Math.abs(Number(button.dataset["span"]) / length - 1) < 0.02));
  };
  return { bar: h("div", { class: "lanes-tools" }, ranges, kinds(wishes), words, print), mark };
}

/** One button a topic, and one for all. */
function kinds(wishes: Wishes): HTMLElement {
  const chosen = new Set<string>();
  const chips = h("div", { class: "ranges topics", role: "group", "aria-label": t("timeline.topics") });
  for (const topic of ["", ...topics]) {
    const button = h("button", { type: "button", "aria-pressed": String(topic === "") }, t(topic ? `timeline.lane.${topic}` : "timeline.lane.all"));
    button.addEventListener("click", () => {
      if (topic === "") chosen.clear();
      else if (!chosen.delete(topic)) chosen.add(topic);
      [...chips.children].forEach((chip, place) => chip.setAttribute("aria-pressed", String(place === 0 ? chosen.size === 0 : chosen.has(topics[place - 1] ?? ""))));
      wishes.choose(new Set(chosen));
    });
    chips.append(button);
  }
  return chips;
}
