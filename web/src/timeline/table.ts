// The same as a table, for who cannot see the picture or wants the numbers.
import { h } from "../dom";
import { fill, t } from "../text";
import { isCurve, type Lane, type Told } from "./data";
import { items, type Item, type View } from "./draw";
import type { LaneRow } from "./rows";
import { dateText, numberText } from "./times";
import { placeOf, reference, said } from "./words";

/** Most lines of one lane. */
const most = 200;

/** Lanes with how much there is, from when to when, between which values. */
export function overview(rows: LaneRow[], told: Told, choose: (row: LaneRow) => void): HTMLElement {
  const body = rows.map((row) => {
    const name = h("button", { type: "button", class: "quiet" }, row.lane.name);
    name.addEventListener("click", () => choose(row));
    return h("tr", {}, h("th", { scope: "row" }, name), h("td", {}, t(`timeline.lane.${row.lane.topic}`)), h("td", { class: "number" }, `${row.lane.events} / ${row.lane.total}`), h("td", {}, times(row.lane)), h("td", {}, range(row.lane)), h("td", {}, [row.lane.unit, reference(row.lane)].filter(Boolean).join(" ")));
  });
  const head = ["name", "topic", "count", "time", "values", "reference"].map((key) => h("th", { scope: "col" }, t(`timeline.column.${key}`)));
  return h("table", { class: "grid" }, h("caption", {}, fill("timeline.table-says", { from: dateText(told.from), to: dateText(told.to), count: told.events, total: told.total })), h("thead", {}, h("tr", {}, ...head)), h("tbody", {}, ...body));
}

function times(lane: Lane): string {
  return lane.total === 0 ? "" : `${dateText(lane.first)} – ${dateText(lane.last)}`;
}

function range(lane: Lane): string {
  if (!isCurve(lane)) return lane.spans?.map((span) => span.short).filter(Boolean).slice(-3).join(", ") ?? "";
  const of = (list: (number | null)[] | undefined): number[] => (list ?? []).filter((value): value is number => value !== null);
  const low = of(lane.points?.value ?? lane.heaps?.low);
  const high = of(lane.points?.value ?? lane.heaps?.high);
  if (low.length === 0) return "";
  return `${numberText(low.reduce((a, b) => Math.min(a, b)))} – ${numberText(high.reduce((a, b) => Math.max(a, b)))}`;
}

/** Everything of one lane within the window, each with where it leads. */
export function details(row: LaneRow, told: Told, view: View, patient: string): HTMLElement {
  const inside = items(view, row.lane, told).filter(({ from, to }) => to >= 0 && from <= view.width);
  const line = (item: Item): HTMLElement => {
    const words = said(row.lane, told, item);
    const place = placeOf(patient, row.lane, item);
    return h("tr", {}, h("th", { scope: "row" }, words.when), h("td", {}, place ? h("a", { href: place }, words.what) : words.what), h("td", {}, words.more));
  };
  const head = ["time", "name", "remarks"].map((key) => h("th", { scope: "col" }, t(`timeline.column.${key}`)));
  const left = inside.length - most;
  return h(
    "div",
    {},
    h("table", { class: "grid" }, h("caption", {}, `${row.lane.name} ${row.lane.unit} ${fill("timeline.events", { count: row.lane.events, total: row.lane.total })}`), h("thead", {}, h("tr", {}, ...head)), h("tbody", {}, ...inside.slice(-most).reverse().map(({ item }) => line(item)))),
    left > 0 && h("p", { class: "hint" }, fill("timeline.left", { count: left })),
  );
}
