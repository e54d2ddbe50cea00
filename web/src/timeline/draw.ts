// Draws lanes into a canvas. One lane is one call; what is where is told by `hit` with the same measures.
import { flag, isCurve, level, type Heaps, type Lane, type Points, type Span, type Told } from "./data";
import type { Look } from "./look";
import { numberText, ticks } from "./times";

/** The stretch of time that is drawn, and the pixels it has. */
export interface View {
  from: number;
  to: number;
  width: number;
}

/** Where a lane lies, pixels. */
export interface Place {
  top: number;
  height: number;
}

/** Something of a lane: a mark, a heap or a bar, by its number in its list. */
export interface Item {
  kind: "point" | "heap" | "span";
  number: number;
}

type Pen = CanvasRenderingContext2D;

export const axisHeight = 30;
/** Pixels beside a mark that are still the mark. */
const near = 9;

const xOf = (view: View, at: number): number => ((at - view.from) / (view.to - view.from)) * view.width;

/** First and last moment of a heap. */
export function heapTime(told: Told, number: number): [number, number] {
  const step = (told.to - told.from) / told.buckets;
  return [told.from + number * step, told.from + (number + 1) * step];
}

/** The axis with its lines through all lanes. */
export function drawAxis(pen: Pen, look: Look, view: View, height: number, now: number): void {
  pen.fillStyle = look.ground;
  pen.fillRect(0, 0, view.width, axisHeight);
  pen.font = `${look.small}px ${look.font}`;
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  for (const tick of ticks(view.from, view.to, view.width)) {
    const x = Math.round(xOf(view, tick.at)) + 0.5;
    pen.strokeStyle = look.line;
    pen.lineWidth = tick.strong ? 1.4 : 1;
    stroke(pen, [[x, axisHeight - 5], [x, height]]);
    pen.fillStyle = tick.strong ? look.ink : look.soft;
    const half = pen.measureText(tick.label).width / 2;
    if (x - half >= 0 && x + half <= view.width) pen.fillText(tick.label, x, axisHeight / 2 - 2);
  }
  pen.strokeStyle = look.line;
  pen.lineWidth = 1;
  stroke(pen, [[0, axisHeight - 0.5], [view.width, axisHeight - 0.5]]);
  const today = xOf(view, now);
  if (today < 0 || today > view.width) return;
  pen.strokeStyle = look.accent;
  pen.lineWidth = 1.2;
  pen.setLineDash([3, 3]);
  stroke(pen, [[today, axisHeight], [today, height]]);
  pen.setLineDash([]);
}

function stroke(pen: Pen, points: [number, number][]): void {
  pen.beginPath();
  points.forEach(([x, y], number) => (number === 0 ? pen.moveTo(x, y) : pen.lineTo(x, y)));
  pen.stroke();
}

/** Values between which a curve is drawn. */
export function scaleOf(lane: Lane): [number, number] | null {
  const lows = (lane.points?.value ?? lane.heaps?.low ?? []).filter((value): value is number => value !== null);
  const highs = (lane.points?.value ?? lane.heaps?.high ?? []).filter((value): value is number => value !== null);
  if (lows.length === 0) return null;
  let low = lows.reduce((a, b) => Math.min(a, b));
  let high = highs.reduce((a, b) => Math.max(a, b));
  const reach = Math.max(high - low, Math.abs(high) * 0.05, 1e-9);
  // The reference interval is in the picture where it is near.
  if (lane.low !== undefined && lane.low > low - 1.5 * reach) low = Math.min(low, lane.low);
  if (lane.high !== undefined && lane.high < high + 1.5 * reach) high = Math.max(high, lane.high);
  const rim = Math.max((high - low) * 0.08, reach * 0.04);
  return [low - rim, high + rim];
}

/** Draws a lane. */
export function drawLane(pen: Pen, look: Look, view: View, place: Place, lane: Lane, told: Told): void {
  pen.save();
  pen.beginPath();
  pen.rect(0, place.top, view.width, place.height);
  pen.clip();
  const colour = look.of[lane.topic] ?? look.ink;
  if (isCurve(lane)) drawCurve(pen, look, view, place, lane, told, colour);
  else {
    // What claims name lies below what care tells.
    for (const span of [...(lane.spans ?? [])].sort((a, b) => Number(b.kind === "claim") - Number(a.kind === "claim"))) drawSpan(pen, look, view, place, span, told.now, colour);
    if (lane.heaps) drawHeaps(pen, look, view, place, lane.heaps, told, colour);
    if (lane.points) drawPoints(pen, look, view, place, lane.points, colour, lane.topic);
  }
  pen.restore();
}

function drawCurve(pen: Pen, look: Look, view: View, place: Place, lane: Lane, told: Told, colour: string): void {
  const scale = scaleOf(lane);
  if (!scale) return;
  const [bottom, top] = [place.top + place.height - 5, place.top + 5];
  const y = (value: number): number => bottom - ((value - scale[0]) / (scale[1] - scale[0])) * (bottom - top);
  if (lane.low !== undefined || lane.high !== undefined) {
    const [upper, lower] = [y(Math.min(lane.high ?? scale[1], scale[1])), y(Math.max(lane.low ?? scale[0], scale[0]))];
    if (lower > upper) {
      pen.fillStyle = colour;
      pen.globalAlpha = look.paper ? 0.08 : 0.1;
      pen.fillRect(0, upper, view.width, lower - upper);
      pen.globalAlpha = look.paper ? 0.8 : 0.4;
      pen.strokeStyle = colour;
      pen.lineWidth = 0.7;
      pen.setLineDash([2, 3]);
      if (lane.high !== undefined && upper > top - 4) stroke(pen, [[0, upper], [view.width, upper]]);
      if (lane.low !== undefined && lower < bottom + 4) stroke(pen, [[0, lower], [view.width, lower]]);
      pen.setLineDash([]);
      pen.globalAlpha = 1;
    }
  }
  if (lane.heaps) drawHeapCurve(pen, look, view, lane.heaps, told, y, colour);
  if (lane.points) drawPointCurve(pen, look, view, place, lane.points, y, colour);
}

function drawHeapCurve(pen: Pen, look: Look, view: View, heaps: Heaps, told: Told, y: (value: number) => number, colour: string): void {
  const line: [number, number][] = [];
  const width = Math.max(1.4, xOf(view, heapTime(told, 0)[1]) - xOf(view, heapTime(told, 0)[0]) - 0.5);
  pen.fillStyle = colour;
  pen.globalAlpha = look.paper ? 0.3 : 0.34;
  const off: [number, number, boolean][] = [];
  heaps.number.forEach((number, place) => {
    const [low, middle, high] = [heaps.low?.[place], heaps.middle?.[place], heaps.high?.[place]];
    if (low == null || middle == null || high == null) return;
    const [from, to] = heapTime(told, number);
    const x = xOf(view, (from + to) / 2);
    if (x < -40 || x > view.width + 40) return;
    pen.fillRect(x - width / 2, y(high) - 0.5, width, Math.max(1, y(low) - y(high) + 1));
    line.push([x, y(middle)]);
    const bits = heaps.off[place] ?? 0;
    if (bits & 2) off.push([x, y(high), true]);
    if (bits & 1) off.push([x, y(low), false]);
  });
  pen.globalAlpha = 1;
  pen.strokeStyle = colour;
  pen.lineWidth = 1.4;
  pen.lineJoin = "round";
  stroke(pen, line);
  pen.fillStyle = look.alert;
  // Where they stand close, one of several says it.
  let last = [-9, -9];
  for (const [x, height, isHigh] of off) {
    const side = isHigh ? 1 : 0;
    if (x - (last[side] ?? -9) < 7) continue;
    last = isHigh ? [last[0] ?? -9, x] : [x, last[1] ?? -9];
    triangle(pen, x, height + (isHigh ? -3 : 3), 3.2, isHigh);
  }
}

function triangle(pen: Pen, x: number, y: number, size: number, up: boolean): void {
  const tip = up ? -size : size;
  pen.beginPath();
  pen.moveTo(x, y + tip);
  pen.lineTo(x - size, y - tip * 0.8);
  pen.lineTo(x + size, y - tip * 0.8);
  pen.closePath();
  pen.fill();
}

function drawPointCurve(pen: Pen, look: Look, view: View, place: Place, points: Points, y: (value: number) => number, colour: string): void {
  const line: [number, number][] = [];
  points.at.forEach((at, number) => {
    const value = points.value?.[number];
    if (value != null && !((points.flags[number] ?? 0) & (flag.absent | flag.planned))) line.push([xOf(view, at), y(value)]);
  });
  pen.strokeStyle = colour;
  pen.lineWidth = 1.4;
  pen.lineJoin = "round";
  pen.globalAlpha = 0.75;
  stroke(pen, line);
  pen.globalAlpha = 1;
  pen.font = `${look.small - 1}px ${look.font}`;
  pen.textBaseline = "alphabetic";
  pen.textAlign = "center";
  let free = -Infinity;
  const isTall = place.height >= 60;
  // Where marks stand close only the last one is written.
  const seen = line.filter(([x]) => x >= 0 && x <= view.width);
  const isClose = seen.length > 1 && view.width / seen.length < 40;
  const values = points.value ?? [];
  let lastShown = -1;
  points.at.forEach((at, number) => {
    if (values[number] != null && xOf(view, at) <= view.width) lastShown = number;
  });
  const shown = new Set(isClose ? [lastShown] : points.at.keys());
  points.at.forEach((at, number) => {
    const value = points.value?.[number];
    const x = xOf(view, at);
    if (value == null || x < -60 || x > view.width + 60) return;
    const flags = points.flags[number] ?? 0;
    const height = y(value);
    mark(pen, look, x, height, flags, colour, isClose ? 3 : 4);
    if (!shown.has(number)) return;
    const label = numberText(value);
    const half = pen.measureText(label).width / 2 + 3;
    if (x - half < free || x - half < 0 || x + half > view.width) return;
    const above = height - 7 - look.small > place.top || !isTall ? height - 6 : height + look.small + 3;
    const base = Math.min(Math.max(above, place.top + look.small), place.top + place.height - 2);
    // Where there is no room above or below its mark the last value stands beside it; the others are left to the read-out.
    const isBeside = Math.abs(base - look.small / 3 - height) < 6;
    if (isBeside && number !== lastShown) return;
    const [left, foot] = isBeside ? [x + half + 4, Math.max(height + look.small / 3, place.top + look.small)] : [x, base];
    if (left + half > view.width) return;
    free = left + half;
    pen.lineWidth = 3;
    pen.strokeStyle = look.ground;
    pen.strokeText(label, left, foot);
    pen.fillStyle = level(flags) === 1 || level(flags) === 3 ? look.alert : look.soft;
    pen.fillText(label, left, foot);
  });
}

/** A mark by its shape: high up, low down, suspected hollow, absent a stroke. */
function mark(pen: Pen, look: Look, x: number, y: number, flags: number, colour: string, size = 4): void {
  pen.fillStyle = colour;
  const off = level(flags);
  if (off === 3 || off === 1) {
    pen.fillStyle = look.alert;
    triangle(pen, x, y, size, off === 3);
    return;
  }
  if (flags & flag.absent) {
    pen.fillStyle = look.soft;
    pen.fillRect(x - 4, y - 0.8, 8, 1.6);
    return;
  }
  pen.beginPath();
  pen.arc(x, y, 0.7 * size, 0, 7);
  if (flags & (flag.suspected | flag.planned | flag.past)) {
    pen.fillStyle = look.ground;
    pen.fill();
    pen.strokeStyle = colour;
    pen.lineWidth = 1.4;
    if (flags & flag.planned) pen.setLineDash([1.5, 1.5]);
    pen.stroke();
    pen.setLineDash([]);
  } else pen.fill();
}

function drawPoints(pen: Pen, look: Look, view: View, place: Place, points: Points, colour: string, topic: string): void {
  const middle = place.top + place.height / 2;
  const isClose = points.at.filter((at) => at >= view.from && at <= view.to).length > view.width / 11;
  points.at.forEach((at, number) => {
    const until = points.until?.[number] ?? 0;
    const [x, end] = [xOf(view, at), until ? xOf(view, until) : 0];
    if ((until ? end : x) < -10 || x > view.width + 10) return;
    if (until && end - x > 6) {
      pen.fillStyle = colour;
      pen.globalAlpha = 0.4;
      pen.fillRect(x, middle - 3, end - x, 6);
      pen.globalAlpha = 1;
    }
    if (isClose) {
      pen.fillStyle = colour;
      pen.fillRect(x - 0.7, middle - 6, 1.4, 12);
    } else if (topic === "document") {
      pen.fillStyle = look.ground;
      pen.strokeStyle = colour;
      pen.lineWidth = 1.3;
      pen.beginPath();
      pen.rect(x - 4, middle - 6, 8, 12);
      pen.fill();
      pen.stroke();
      for (const line of [-2.5, 0, 2.5]) stroke(pen, [[x - 2, middle + line], [x + 2, middle + line]]);
    } else mark(pen, look, x, middle, points.flags[number] ?? 0, colour);
  });
}

function drawHeaps(pen: Pen, look: Look, view: View, place: Place, heaps: Heaps, told: Told, colour: string): void {
  const most = heaps.count.reduce((a, b) => Math.max(a, b), 1);
  const bottom = place.top + place.height - 4;
  pen.fillStyle = colour;
  heaps.number.forEach((number, index) => {
    const [from, to] = heapTime(told, number);
    const [x, end] = [xOf(view, from), xOf(view, to)];
    if (end < 0 || x > view.width) return;
    const height = 3 + ((place.height - 10) * Math.sqrt(heaps.count[index] ?? 0)) / Math.sqrt(most);
    pen.globalAlpha = look.paper ? 0.7 : 0.62;
    pen.fillRect(x, bottom - height, Math.max(1.2, end - x - 0.6), height);
  });
  pen.globalAlpha = 1;
}

function drawSpan(pen: Pen, look: Look, view: View, place: Place, span: Span, now: number, colour: string): void {
  const goesOn = span.to === undefined;
  const from = xOf(view, span.from);
  const to = xOf(view, span.to ?? Math.max(now, span.from));
  if (to < -12 || from > view.width + 12) return;
  const middle = place.top + place.height / 2;
  if (span.kind === "stop") {
    pen.strokeStyle = look.ink;
    pen.lineWidth = 1.6;
    stroke(pen, [[from - 4, middle - 4], [from + 4, middle + 4]]);
    stroke(pen, [[from - 4, middle + 4], [from + 4, middle - 4]]);
    return;
  }
  if (to - from < 5 && !goesOn) {
    moment(pen, look, (from + to) / 2, middle, span, colour);
    return;
  }
  const half = Math.min(9, Math.max(5, place.height / 2 - 4));
  const outlined = span.kind === "claim" || span.kind === "suspected";
  const strength: Record<string, number> = { care: 0.62, past: 0.3, supply: 0.62, noted: 0.34, stay: 0.4, visit: 0.5 };
  pen.beginPath();
  pen.roundRect(Math.max(from, -20) + 0.6, middle - half, Math.min(to, view.width + 20) - Math.max(from, -20) - 1.2, 2 * half, 3);
  pen.fillStyle = outlined ? look.ground : colour;
  pen.globalAlpha = outlined ? 1 : look.paper ? 0.25 : (strength[span.kind] ?? 0.5);
  pen.fill();
  pen.globalAlpha = 1;
  if (outlined || look.paper) {
    pen.strokeStyle = colour;
    pen.lineWidth = 1.3;
    pen.setLineDash(span.kind === "claim" ? [1.5, 2.5] : span.kind === "suspected" ? [5, 3] : span.kind === "noted" ? [4, 2] : []);
    pen.stroke();
    pen.setLineDash([]);
  }
  if (goesOn && to <= view.width + 12) {
    pen.fillStyle = colour;
    pen.beginPath();
    pen.moveTo(to + 6, middle);
    pen.lineTo(to - 1, middle - half);
    pen.lineTo(to - 1, middle + half);
    pen.closePath();
    pen.globalAlpha = look.paper ? 1 : 0.62;
    pen.fill();
    pen.globalAlpha = 1;
  }
  const text = span.short || span.text || "";
  if (!text) return;
  pen.font = `${look.small - 1}px ${look.font}`;
  pen.textBaseline = "middle";
  pen.textAlign = "left";
  const left = Math.max(from, 0) + 5;
  if (pen.measureText(text).width + 8 > Math.min(to, view.width) - left) return;
  pen.fillStyle = look.ink;
  pen.fillText(text, left, middle + 0.5);
}

/** What lasts too short to be a bar. */
function moment(pen: Pen, look: Look, x: number, y: number, span: Span, colour: string): void {
  const hollow = ["suspected", "claim", "past"].includes(span.kind);
  const size = 5;
  pen.beginPath();
  if (span.kind === "visit") {
    pen.moveTo(x, y - size);
    pen.lineTo(x + size, y);
    pen.lineTo(x, y + size);
    pen.lineTo(x - size, y);
    pen.closePath();
  } else pen.rect(x - 4, y - 5, 8, 10);
  pen.fillStyle = hollow ? look.ground : colour;
  pen.fill();
  pen.strokeStyle = colour;
  pen.lineWidth = 1.3;
  if (span.kind === "claim") pen.setLineDash([1.5, 2]);
  if (hollow) pen.stroke();
  pen.setLineDash([]);
}

/** The items of a lane from left to right, with the pixels that each takes. */
export function items(view: View, lane: Lane, told: Told): { item: Item; from: number; to: number }[] {
  const list: { item: Item; from: number; to: number }[] = [];
  lane.spans?.forEach((span, number) => list.push({ item: { kind: "span", number }, from: xOf(view, span.from), to: xOf(view, span.to ?? Math.max(told.now, span.from)) }));
  lane.heaps?.number.forEach((heap, number) => {
    const [from, to] = heapTime(told, heap);
    list.push({ item: { kind: "heap", number }, from: xOf(view, from), to: xOf(view, to) });
  });
  lane.points?.at.forEach((at, number) => {
    const until = lane.points?.until?.[number] ?? 0;
    list.push({ item: { kind: "point", number }, from: xOf(view, at), to: until ? xOf(view, until) : xOf(view, at) });
  });
  return list.sort((a, b) => a.from - b.from);
}

/** What lies at a place of a lane, the nearest; a mark before the bar below it. */
export function hit(view: View, lane: Lane, told: Told, x: number): Item | null {
  let found: Item | null = null;
  let least = Infinity;
  for (const { item, from, to } of items(view, lane, told)) {
    const beside = x < from ? from - x : x > to ? x - to : 0;
    // Of bars that lie on each other the shorter is meant.
    const distance = beside + Math.min(0.9, (to - from) / 1e5);
    if (beside <= near && distance < least) [found, least] = [item, distance];
  }
  return found;
}

/** A ring around an item. */
export function drawRing(pen: Pen, look: Look, view: View, place: Place, lane: Lane, told: Told, item: Item): void {
  const one = items(view, lane, told).find((other) => other.item.kind === item.kind && other.item.number === item.number);
  if (!one) return;
  const scale = item.kind === "point" && isCurve(lane) ? scaleOf(lane) : null;
  const value = lane.points?.value?.[item.number];
  pen.strokeStyle = look.accent;
  pen.lineWidth = 2;
  pen.beginPath();
  if (scale && value != null) {
    const [bottom, top] = [place.top + place.height - 5, place.top + 5];
    pen.arc(one.from, bottom - ((value - scale[0]) / (scale[1] - scale[0])) * (bottom - top), 7, 0, 7);
  } else pen.roundRect(one.from - 6, place.top + 2, one.to - one.from + 12, place.height - 4, 5);
  pen.stroke();
}
