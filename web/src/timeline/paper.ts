// The timeline on one sheet of A4, in black and white: the same lanes and the same window, drawn finely when the page is
// printed. What does not fit is counted on the sheet.
import { h } from "../dom";
import { fill, t } from "../text";
import { isCurve, type Told } from "./data";
import { axisHeight, drawAxis, drawLane, items, type View } from "./draw";
import { paperLook } from "./look";
import { type LaneRow, type Row } from "./rows";
import { dateText, momentText, numberText } from "./times";
import { reference } from "./words";

/** Pixels of the sheet as it is laid out: 277 × 172 mm at 96 a inch. */
const [width, height] = [1046, 650];
/** Finer than the screen. */
const finer = 3;
const gutter = 190;
/** Lowest lanes that can still be read. */
const [lowCurve, lowBar] = [26, 15];

interface Shown {
  told: Told;
  view: View;
  rows: Row[];
}

/** Draws the sheet when the page is about to be printed. */
export function preparePaper(host: HTMLElement, shown: () => Shown | null): void {
  const sheet = h("section", { class: "lanes-sheet", "aria-hidden": "true" });
  host.append(sheet);
  window.addEventListener("beforeprint", () => {
    const now = shown();
    if (now) sheet.replaceChildren(...draw(now, host));
  });
  window.addEventListener("afterprint", () => sheet.replaceChildren());
}

/** The lanes that fit, the fullest first; in the order of the screen. */
function fitting(rows: Row[], told: Told, view: View, space: number): { lanes: LaneRow[]; left: number } {
  const isSeen = (row: LaneRow): boolean => items(view, row.lane, told).some(({ from, to }) => to >= 0 && from <= view.width);
  const lanes = rows.filter((row): row is LaneRow => row.kind === "lane" && isSeen(row));
  // What lasts says what the values were measured in.
  const weight = (row: LaneRow): number => (row.pinned ? 2 : 0) + (row.lane.spans ? 1 : 0);
  const ranked = [...lanes].sort((a, b) => weight(b) - weight(a) || b.lane.events - a.lane.events);
  const kept = new Set<LaneRow>();
  let used = 0;
  for (const row of ranked) {
    const least = isCurve(row.lane) ? lowCurve : lowBar;
    if (used + least > space) continue;
    kept.add(row);
    used += least;
  }
  return { lanes: lanes.filter((row) => kept.has(row)), left: lanes.length - kept.size };
}

function draw({ told, view, rows }: Shown, host: HTMLElement): HTMLElement[] {
  const space = height - axisHeight;
  const { lanes, left } = fitting(rows, told, view, space);
  const least = lanes.reduce((sum, row) => sum + (isCurve(row.lane) ? lowCurve : lowBar), 0);
  const grown = Math.min(2, space / Math.max(least, 1));
  const canvas = h("canvas", {});
  [canvas.width, canvas.height] = [width * finer, height * finer];
  const pen = canvas.getContext("2d");
  if (!pen) return [];
  const look = paperLook(10);
  pen.setTransform(finer, 0, 0, finer, 0, 0);
  pen.fillStyle = "#fff";
  pen.fillRect(0, 0, width, height);
  const plot: View = { from: view.from, to: view.to, width: width - gutter };
  const used = axisHeight + least * grown;
  pen.save();
  pen.translate(gutter, 0);
  drawAxis(pen, look, plot, used, told.now);
  pen.restore();
  let top = axisHeight;
  let topic = "";
  for (const row of lanes) {
    const tall = (isCurve(row.lane) ? lowCurve : lowBar) * grown;
    pen.strokeStyle = row.lane.topic === topic ? "#ccc" : "#000";
    topic = row.lane.topic;
    pen.lineWidth = 0.6;
    pen.beginPath();
    pen.moveTo(0, top);
    pen.lineTo(width, top);
    pen.stroke();
    label(pen, row, top, tall, look.font);
    pen.save();
    pen.translate(gutter, 0);
    drawLane(pen, look, plot, { top, height: tall }, row.lane, told);
    pen.restore();
    top += tall;
  }
  const name = host.dataset["name"] ?? "";
  const head = h("header", {}, h("strong", {}, name), h("span", {}, `${dateText(view.from)} – ${dateText(view.to)}`), h("span", {}, fill("timeline.printed", { when: momentText(Date.now() / 1000 - new Date().getTimezoneOffset() * 60) })));
  const foot = h("footer", {}, t("timeline.legend"), left > 0 && h("strong", {}, ` ${fill("timeline.not-printed", { count: left })}`));
  return [head, canvas, foot];
}

function label(pen: CanvasRenderingContext2D, row: LaneRow, top: number, tall: number, font: string): void {
  pen.fillStyle = "#000";
  pen.textAlign = "left";
  pen.textBaseline = "middle";
  pen.font = `600 10px ${font}`;
  const two = tall >= 24 && isCurve(row.lane);
  pen.fillText(row.lane.name, 2, top + (two ? tall / 2 - 6 : tall / 2), gutter - 50);
  pen.font = `8px ${font}`;
  if (two) pen.fillText([row.lane.unit, reference(row.lane)].filter(Boolean).join(" "), 2, top + tall / 2 + 7, gutter - 50);
  const value = row.lane.points?.value?.filter((value) => value !== null).at(-1);
  pen.textAlign = "right";
  if (value != null) pen.fillText(numberText(value), gutter - 6, top + tall / 2);
  else if (row.lane.heaps) pen.fillText(`n=${row.lane.events}`, gutter - 6, top + tall / 2);
}
