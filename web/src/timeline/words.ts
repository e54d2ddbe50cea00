// What a mark, a heap or a bar says, in words: for the read-out, the tool tip and the table.
import { fill, t } from "../text";
import { flag, level, type Lane, type Told } from "./data";
import { heapTime, type Item } from "./draw";
import { dateText, exactText, momentText, numberText } from "./times";

/** The level of a value as a word; nothing where it is normal or unknown. */
export function levelWord(flags: number): string {
  const word = ["", "low", "", "high", "positive", "negative"][level(flags)];
  return word ? t(`timeline.level.${word}`) : "";
}

function remarks(flags: number): string[] {
  const named: [number, string][] = [[flag.absent, "absent"], [flag.suspected, "suspected"], [flag.past, "past"], [flag.planned, "planned"], [flag.stopped, "stopped"], [flag.claim, "claim"], [flag.own, "own"]];
  return named.filter(([bit]) => flags & bit).map(([, word]) => t(`timeline.is.${word}`));
}

/** The reference interval; nothing where none is known. */
export function reference(lane: Lane): string {
  if (lane.low === undefined && lane.high === undefined) return "";
  if (lane.low === undefined) return fill("timeline.reference-to", { high: numberText(lane.high ?? 0) });
  if (lane.high === undefined) return fill("timeline.reference-from", { low: numberText(lane.low) });
  return fill("timeline.reference", { low: numberText(lane.low), high: numberText(lane.high) });
}

/** What an item says: when, what, in which words. */
export function said(lane: Lane, told: Told, item: Item): { when: string; what: string; more: string } {
  if (item.kind === "span") {
    const span = lane.spans?.[item.number];
    if (!span) return { when: "", what: "", more: "" };
    const to = span.to === undefined ? t("timeline.goes-on") : dateText(span.to);
    const when = span.to !== undefined && dateText(span.from) === to ? momentText(span.from) : `${dateText(span.from)} – ${to}`;
    const kind = t(`timeline.kind.${span.kind}`);
    const dose = span.text && span.text !== span.short ? [span.short, span.text].filter(Boolean).join(" ") : (span.short ?? "");
    const count = span.count > 1 ? fill("timeline.told", { count: span.count }) : "";
    return { when, what: [lane.name, dose].filter(Boolean).join(" "), more: [kind, count].filter(Boolean).join(" · ") };
  }
  if (item.kind === "heap") {
    const heaps = lane.heaps;
    if (!heaps) return { when: "", what: "", more: "" };
    const [from, to] = heapTime(told, heaps.number[item.number] ?? 0);
    const [low, middle, high] = [heaps.low?.[item.number], heaps.middle?.[item.number], heaps.high?.[item.number]];
    const count = fill("timeline.heap", { count: heaps.count[item.number] ?? 0 });
    const values = low != null && middle != null && high != null ? fill("timeline.heap-values", { low: numberText(low), middle: numberText(middle), high: numberText(high), unit: lane.unit }) : "";
    return { when: `${momentText(from)} – ${momentText(to)}`, what: [lane.name, values].filter(Boolean).join(" "), more: [count, reference(lane), t("timeline.heap-opens")].filter(Boolean).join(" · ") };
  }
  const points = lane.points;
  if (!points) return { when: "", what: "", more: "" };
  const flags = points.flags[item.number] ?? 0;
  const value = points.value?.[item.number];
  const until = points.until?.[item.number] ?? 0;
  const when = momentText(points.at[item.number] ?? 0) + (until ? ` – ${momentText(until)}` : "");
  const what = [lane.topic === "document" ? (points.text?.[item.number] ?? "") : lane.name, value == null ? "" : `${exactText(value)} ${lane.unit}`.trim(), levelWord(flags)].filter(Boolean).join(" ");
  const others = points.also?.[item.number] ?? 0;
  const told2 = others > 0 ? fill("timeline.told", { count: others + 1 }) : "";
  return { when, what, more: [...remarks(flags), value == null ? "" : reference(lane), told2].filter(Boolean).join(" · ") };
}

/** Where an item leads; nothing where it leads nowhere. */
export function placeOf(patient: string, lane: Lane, item: Item): string | null {
  if (item.kind === "heap") return null;
  if (item.kind === "span") {
    const id = lane.spans?.[item.number]?.id;
    return id ? `/patients/${patient}/events/${id}` : null;
  }
  const id = lane.points?.id[item.number];
  if (id === undefined) return null;
  return lane.topic === "document" ? `/documents/${id}` : `/patients/${patient}/events/${id}`;
}
