// What happened since a drug was begun: one click on its bar names the tests that the data offer, the next draws one with
// what it was before and after.
import { h } from "../dom";
import { fill, t } from "../text";
import { day, type Lane } from "./data";
import { dateText, exactText, momentText, numberText, ticks } from "./times";

/** Before or after. */
interface Side {
  count: number;
  middle?: number;
  low?: number;
  high?: number;
  last?: number;
  last_at?: number;
}

interface Candidate {
  concept: string;
  name: string;
  unit: string;
  own: boolean;
  low?: number;
  high?: number;
  why: { text: string; source: string }[];
  before: Side;
  after: Side;
  words: string;
  at: number[];
  value: number[];
  flags: number[];
  id: number[];
  left: number;
}

interface Answer {
  name: string;
  from: number;
  to: number;
  end: number;
  open: boolean;
  says: string;
  candidates: Candidate[];
  unmeasured: { name: string; text: string; source: string }[];
  others: number;
}

const svg = <K extends keyof SVGElementTagNameMap>(tag: K, attributes: Record<string, string | number>, ...children: (Node | string)[]): SVGElementTagNameMap[K] => {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  element.append(...children);
  return element;
};

export class Since {
  readonly panel = h("section", { class: "since", hidden: true, "aria-live": "polite" });
  private answer: Answer | null = null;

  constructor(
    private readonly patient: string,
    private readonly closed: () => void,
    private readonly mark: (marker: { at: number; text: string } | null) => void,
  ) {
    this.panel.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.close();
    });
  }

  /** Asks for the course of a drug that holds a moment. */
  async open(lane: Lane, at: number, source: string | null): Promise<void> {
    this.panel.hidden = false;
    this.panel.replaceChildren(h("p", { class: "hint" }, t("timeline.loading")));
    const query = new URLSearchParams({ drug: lane.concept, at: String(at) });
    try {
      const answer = await fetch(`/patients/${this.patient}/since?${query}`, { headers: { accept: "application/json" } });
      if (!answer.ok || answer.redirected) throw new Error(String(answer.status));
      this.answer = (await answer.json()) as Answer;
    } catch {
      this.panel.replaceChildren(h("p", { class: "mistake", role: "alert" }, t("timeline.failed")), this.button());
      return;
    }
    this.draw(source);
  }

  close(): void {
    if (this.panel.hidden) return;
    this.panel.hidden = true;
    this.panel.replaceChildren();
    this.answer = null;
    this.mark(null);
    this.closed();
  }

  private button(): HTMLElement {
    const button = h("button", { type: "button", class: "quiet close", "aria-label": t("timeline.since-close") }, "×");
    button.addEventListener("click", () => this.close());
    return button;
  }

  private draw(source: string | null): void {
    const answer = this.answer;
    if (!answer) return;
    this.mark({ at: answer.from, text: fill("timeline.since-mark", { name: answer.name }) });
    const chart = h("div", { class: "since-chart" });
    const list = h("ol", { class: "since-list" });
    const choose = (candidate: Candidate): void => {
      [...list.children].forEach((item, place) => item.firstElementChild?.setAttribute("aria-pressed", String(answer.candidates[place] === candidate)));
      chart.replaceChildren(this.chart(answer, candidate, Math.max(320, chart.clientWidth)));
    };
    for (const candidate of answer.candidates) {
      const why = candidate.why.map((one) => one.text).join("、");
      const button = h("button", { type: "button", "aria-pressed": "false" }, h("span", { class: "name" }, candidate.name), h("span", { class: "change" }, this.change(candidate)), h("span", { class: "since-why" }, why));
      button.addEventListener("click", () => choose(candidate));
      list.append(h("li", {}, button));
    }
    const lacking = answer.unmeasured.map((one) => h("span", { title: `${one.text} ${one.source}` }, one.name));
    this.panel.replaceChildren(
      h("header", {}, h("h2", { tabindex: "-1" }, fill("timeline.since-title", { name: answer.name })), h("p", { class: "hint" }, answer.says, source && " ", source && h("a", { href: source }, t("timeline.since-source"))), this.button()),
      answer.candidates.length === 0 ? h("p", { class: "empty" }, t("timeline.since-none")) : h("div", { class: "since-body" }, list, chart),
      h("p", { class: "hint" }, answer.others > 0 && fill("timeline.since-others", { count: answer.others })),
    );
    if (lacking.length > 0) this.panel.append(h("p", { class: "since-lacking" }, t("timeline.since-unmeasured"), " ", ...lacking.flatMap((one, place) => (place === 0 ? [one] : ["、", one]))));
    if (answer.candidates.length > 0) chart.replaceChildren(h("p", { class: "hint" }, t("timeline.since-choose")));
    (list.querySelector("button") ?? this.panel.querySelector<HTMLElement>("h2"))?.focus();
  }

  /** Before → after in numbers. */
  private change(candidate: Candidate): string {
    const text = (side: Side): string => (side.middle === undefined ? "–" : numberText(side.middle));
    return `${text(candidate.before)} → ${text(candidate.after)} ${candidate.unit}`;
  }

  private chart(answer: Answer, candidate: Candidate, width: number): HTMLElement {
    const [height, left, right, top, bottom] = [250, 48, 16, 16, 26];
    const times = candidate.at;
    const from = Math.min(times[0] ?? answer.from, answer.from) - 7 * day;
    const to = Math.max(times.at(-1) ?? answer.from, answer.from + 7 * day, answer.end) + 7 * day;
    let [low, high] = [Math.min(...candidate.value), Math.max(...candidate.value)];
    const reach = Math.max(high - low, Math.abs(high) * 0.1);
    if (candidate.low !== undefined && candidate.low > low - 1.5 * reach) low = Math.min(low, candidate.low);
    if (candidate.high !== undefined && candidate.high < high + 1.5 * reach) high = Math.max(high, candidate.high);
    const rim = Math.max((high - low) * 0.1, reach * 0.1, 1e-9);
    [low, high] = [low - rim, high + rim];
    const x = (at: number): number => left + ((at - from) / (to - from)) * (width - left - right);
    const y = (value: number): number => height - bottom - ((value - low) / (high - low)) * (height - top - bottom);
    const parts: SVGElement[] = [];
    if (candidate.low !== undefined || candidate.high !== undefined) {
      const [upper, lower] = [y(Math.min(candidate.high ?? high, high)), y(Math.max(candidate.low ?? low, low))];
      if (lower > upper) parts.push(svg("rect", { class: "normal", x: left, y: upper, width: width - left - right, height: lower - upper }));
    }
    parts.push(svg("rect", { class: "course", x: x(answer.from), y: top, width: Math.max(0, x(answer.end) - x(answer.from)), height: height - top - bottom }));
    for (const tick of ticks(from, to, width - left - right)) {
      parts.push(svg("line", { class: "tick", x1: x(tick.at), x2: x(tick.at), y1: top, y2: height - bottom }), svg("text", { x: x(tick.at), y: height - 8, "text-anchor": "middle" }, tick.label));
    }
    for (const value of [candidate.low, candidate.high]) {
      if (value !== undefined && value > low && value < high) parts.push(svg("text", { x: left - 6, y: y(value) + 4, "text-anchor": "end", class: "limit" }, numberText(value)));
    }
    const middles: [Side, number, number][] = [[candidate.before, Math.max(from, times[0] ?? from), answer.from], [candidate.after, answer.from, Math.min(to, answer.end)]];
    for (const [side, begin, end] of middles) {
      if (side.middle !== undefined) parts.push(svg("line", { class: "middle", x1: x(begin), x2: x(Math.max(end, begin)), y1: y(side.middle), y2: y(side.middle) }));
    }
    parts.push(svg("line", { class: "begun", x1: x(answer.from), x2: x(answer.from), y1: top - 8, y2: height - bottom }), svg("text", { class: "begun-text", x: x(answer.from) + 4, y: top }, dateText(answer.from)));
    parts.push(svg("polyline", { class: "curve", points: times.map((at, place) => `${x(at).toFixed(1)},${y(candidate.value[place] ?? 0).toFixed(1)}`).join(" ") }));
    times.forEach((at, place) => {
      const value = candidate.value[place] ?? 0;
      const off = ((candidate.flags[place] ?? 0) >> 8) & 7;
      const shape = off === 3 || off === 1 ? svg("path", { class: "off", d: off === 3 ? `M${x(at)} ${y(value) - 5}l5 9h-10z` : `M${x(at)} ${y(value) + 5}l5 -9h-10z` }) : svg("circle", { cx: x(at), cy: y(value), r: 3.4 });
      const link = svg("a", { href: `/patients/${this.patient}/events/${candidate.id[place]}`, "aria-label": `${momentText(at)} ${exactText(value)} ${candidate.unit}` }, svg("title", {}, `${momentText(at)} ${exactText(value)} ${candidate.unit}`), svg("circle", { class: "target", cx: x(at), cy: y(value), r: 9 }), shape);
      parts.push(link);
    });
    const picture = svg("svg", { class: "since-svg", viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": candidate.words }, ...parts);
    const sources = candidate.why.map((one) => h("li", {}, one.text, " ", h("span", { class: "source" }, one.source)));
    return h("figure", {}, h("figcaption", {}, h("strong", {}, candidate.words)), picture, candidate.left > 0 && h("p", { class: "hint" }, fill("timeline.left", { count: candidate.left })), h("ul", { class: "since-why" }, ...sources));
  }
}
