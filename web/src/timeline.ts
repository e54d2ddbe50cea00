// The timeline of a patient as an instrument: from ten years to an hour, every lane of the record, trends beside drugs; a
// click leads to the place in the source, a click on a drug to what happened since. Without this script the page shows
// the server's picture.
import { h } from "./dom";
import { fill, t } from "./text";
import { Source, shortest, year, type Told } from "./timeline/data";
import { axisHeight, drawAxis, drawLane, drawRing, hit, items, type Item, type View } from "./timeline/draw";
import { follow } from "./timeline/gestures";
import { labelled } from "./timeline/labels";
import { screenLook } from "./timeline/look";
import { preparePaper } from "./timeline/paper";
import { layOut, plotOf, type Choice, type LaneRow, type Row } from "./timeline/rows";
import { Since } from "./timeline/since";
import { details, overview } from "./timeline/table";
import { dateText } from "./timeline/times";
import { spans, tools } from "./timeline/tools";
import { firstOf, fitting, keepPinned, lastOf, padded, pinned, remembered, usual } from "./timeline/windows";
import { placeOf, said } from "./timeline/words";

/** Longest window. */
const longest = 120 * year;
/** Below this many pixels names stand above their lanes. */
const narrow = 700;

class Instrument {
  private readonly choice: Choice = { topics: new Set(), words: "", pinned: pinned(), open: new Set(), narrow: false };
  private readonly view: View = { from: 0, to: 1, width: 1 };
  private readonly source: Source;
  private readonly since: Since;
  private readonly readout = h("output", { class: "lanes-says", "aria-live": "polite" });
  private readonly canvas = h("canvas", { "aria-hidden": "true" });
  private readonly labels = h("ol", { class: "lanes-labels" });
  private readonly corner = h("div", { class: "lanes-corner" });
  private readonly inner = h("div", { class: "lanes-inner" }, this.labels, this.canvas);
  private readonly scroll = h("div", { class: "lanes-scroll", tabindex: "0", role: "group", "aria-label": t("timeline.says"), "aria-describedby": "lanes-keys" }, this.corner, this.inner);
  private readonly tip = h("div", { class: "lanes-tip", hidden: true });
  private readonly table = h("details", { class: "lanes-table" }, h("summary", {}, t("timeline.table")));
  private readonly markSpan: (length: number) => void;
  private look = screenLook();
  private rows: Row[] = [];
  private total = 0;
  private cursor: { key: string; item: Item | null } | null = null;
  /** When the thing under the cursor begins: its number is another in the next answer. */
  private cursorAt = 0;
  private hover: { key: string; item: Item } | null = null;
  private begun: { at: number; text: string } | null = null;
  private isSettled = false;
  private waiting = 0;
  private remembering = 0;
  private fetchBegan = 0;

  constructor(
    private readonly host: HTMLElement,
    private readonly patient: string,
  ) {
    this.source = new Source(patient, (began) => this.loaded(began), () => this.failed());
    this.since = new Since(patient, () => this.scroll.focus(), (marker) => {
      this.begun = marker;
      this.schedule();
    });
    const { bar, mark } = tools({
      show: (length) => this.show(length),
      all: () => this.all(),
      pan: (part) => this.pan(part),
      zoom: (factor) => this.zoom(factor),
      choose: (chosen) => {
        this.choice.topics = chosen;
        this.arrange();
      },
      filter: (words) => {
        this.choice.words = words;
        this.arrange();
      },
    });
    this.markSpan = mark;
    const keys = h("p", { id: "lanes-keys", class: "hint" }, t("timeline.keys"));
    host.replaceChildren(bar, this.since.panel, this.readout, h("div", { class: "lanes-frame" }, this.scroll, this.tip), keys, this.table);
    this.listen();
    preparePaper(host, () => (this.source.told ? { told: this.source.told, view: this.view, rows: this.rows } : null));
    [this.view.from, this.view.to] = remembered() ?? usual();
    this.view.width = Math.max(300, host.clientWidth - 240);
    this.source.want(this.view.from, this.view.to, this.view.width);
  }

  private listen(): void {
    this.scroll.addEventListener("scroll", () => this.schedule(), { passive: true });
    this.scroll.addEventListener("keydown", (event) => this.key(event));
    this.table.addEventListener("toggle", () => this.table.open && this.tabulate());
    new ResizeObserver(() => this.arrange()).observe(this.scroll);
    window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
      this.look = screenLook();
      this.schedule();
    });
    follow(this.canvas, {
      pan: (pixels, isResting) => this.pan(-pixels / this.view.width, isResting),
      zoom: (factor, x, isResting) => this.zoom(factor, x / this.view.width, isResting),
      isAxis: (y) => y < axisHeight,
      point: (x, y, pageX, pageY) => this.point(x, y, pageX, pageY),
      leave: () => this.leave(),
      click: (x, y) => this.click(x, y),
      open: (x) => this.zoom(0.25, x / this.view.width),
    });
  }

  private loaded(began: number): void {
    const told = this.source.told;
    if (!told) return;
    this.fetchBegan = began;
    this.host.dataset["state"] = "ready";
    if (!this.isSettled) [this.view.from, this.view.to] = remembered() ?? fitting(told.lanes, told.now);
    this.hover = null;
    this.arrange();
    this.refind();
    if (!this.isSettled) this.source.want(this.view.from, this.view.to, this.view.width);
    this.isSettled = true;
    if (!this.cursor) this.say(null);
  }

  /** Finds the thing under the cursor again in a new answer: what begins nearest to it. */
  private refind(): void {
    const told = this.source.told;
    const row = this.laneRows().find((row) => row.key === this.cursor?.key);
    if (!told || !row || !this.cursor?.item) return;
    const x = ((this.cursorAt - this.view.from) / (this.view.to - this.view.from)) * this.view.width;
    const list = items(this.view, row.lane, told);
    const nearest = list.reduce<(typeof list)[number] | null>((best, one) => (best && Math.abs(best.from - x) <= Math.abs(one.from - x) ? best : one), null);
    this.cursor.item = nearest?.item ?? null;
    this.schedule();
  }

  private stand(row: LaneRow, item: Item | null, told: Told): void {
    this.cursor = { key: row.key, item };
    const one = item && items(this.view, row.lane, told).find((other) => other.item.kind === item.kind && other.item.number === item.number);
    if (one) this.cursorAt = this.view.from + (one.from / this.view.width) * (this.view.to - this.view.from);
    this.say({ row, item });
    this.schedule();
  }

  private failed(): void {
    this.host.dataset["state"] = "failed";
    this.readout.textContent = t("timeline.failed");
  }

  /** Lays out anew: other lanes, other sizes. */
  private arrange(): void {
    const told = this.source.told;
    if (!told) return;
    this.choice.narrow = this.host.clientWidth < narrow;
    this.host.classList.toggle("lanes-narrow", this.choice.narrow);
    ({ rows: this.rows, height: this.total } = layOut(told, this.choice));
    this.inner.style.height = `${this.total + axisHeight}px`;
    const naming = {
      narrow: this.choice.narrow,
      pin: (key: string) => this.pin(key),
      unfold: (topic: string, open: boolean) => {
        if (open) this.choice.open.add(topic);
        else this.choice.open.delete(topic);
        this.arrange();
      },
    };
    this.labels.replaceChildren(...labelled(this.rows, naming));
    this.size();
    if (this.table.open) this.tabulate();
  }

  /** Gives the canvas the size of what is seen of the lanes. */
  private size(): void {
    const scale = window.devicePixelRatio || 1;
    const height = Math.min(this.scroll.clientHeight, this.total + axisHeight);
    this.view.width = Math.max(80, this.inner.clientWidth - (this.choice.narrow ? 0 : this.labels.offsetWidth));
    this.canvas.style.width = `${this.view.width}px`;
    this.canvas.style.height = `${height}px`;
    const [w, v] = [Math.round(this.view.width * scale), Math.round(height * scale)];
    if (this.canvas.width !== w || this.canvas.height !== v) [this.canvas.width, this.canvas.height] = [w, v];
    this.draw();
  }

  private schedule(): void {
    if (this.waiting) return;
    this.waiting = requestAnimationFrame(() => {
      this.waiting = 0;
      this.draw();
    });
  }

  /** Draws what is seen. */
  private draw(): void {
    const told = this.source.told;
    const pen = this.canvas.getContext("2d");
    if (!told || !pen) return;
    const began = performance.now();
    const scale = window.devicePixelRatio || 1;
    const height = this.canvas.height / scale;
    pen.setTransform(scale, 0, 0, scale, 0, 0);
    pen.clearRect(0, 0, this.view.width, height);
    const above = axisHeight - this.scroll.scrollTop;
    pen.fillStyle = this.look.band;
    for (const row of this.rows) if (row.kind === "head") pen.fillRect(0, row.top + above, this.view.width, row.height);
    drawAxis(pen, this.look, this.view, height, told.now);
    pen.save();
    pen.beginPath();
    pen.rect(0, axisHeight, this.view.width, height);
    pen.clip();
    for (const row of this.rows) {
      const isSeen = row.top + above <= height && row.top + above + row.height >= axisHeight;
      if (row.kind === "lane" && isSeen) this.drawRow(pen, told, row, above);
    }
    pen.restore();
    this.drawBegun(pen, height);
    performance.measure("tsumugi.lanes.draw", { start: began, end: performance.now() });
    if (this.fetchBegan > 0) performance.measure("tsumugi.lanes.shown", { start: this.fetchBegan, end: performance.now() });
    this.fetchBegan = 0;
    this.corner.textContent = `${dateText(this.view.from)} – ${dateText(this.view.to)}`;
    this.host.dataset["from"] = String(Math.round(this.view.from));
    this.host.dataset["to"] = String(Math.round(this.view.to));
  }

  private drawRow(pen: CanvasRenderingContext2D, told: Told, row: LaneRow, above: number): void {
    const plot = plotOf(row, this.choice.narrow);
    const place = { top: plot.top + above, height: plot.height };
    pen.fillStyle = this.look.line;
    pen.fillRect(0, row.top + above + row.height - 0.5, this.view.width, 0.5);
    drawLane(pen, this.look, this.view, place, row.lane, told);
    const ringed = this.cursor?.key === row.key ? this.cursor.item : this.hover?.key === row.key ? this.hover.item : null;
    if (ringed) drawRing(pen, this.look, this.view, place, row.lane, told, ringed);
  }

  /** Where the drug of the open panel was begun. */
  private drawBegun(pen: CanvasRenderingContext2D, height: number): void {
    if (!this.begun) return;
    const x = ((this.begun.at - this.view.from) / (this.view.to - this.view.from)) * this.view.width;
    if (x < 0 || x > this.view.width) return;
    pen.fillStyle = this.look.ink;
    pen.fillRect(x - 0.75, 4, 1.5, height);
    pen.font = `600 12px ${this.look.font}`;
    pen.textBaseline = "top";
    pen.textAlign = "left";
    const width = pen.measureText(this.begun.text).width;
    const left = Math.min(Math.max(2, x + 4), this.view.width - width - 4);
    pen.fillStyle = this.look.ground;
    pen.fillRect(left - 2, 2, width + 4, 16);
    pen.fillStyle = this.look.ink;
    pen.fillText(this.begun.text, left, 4);
  }

  /** Moves the window. */
  private move(from: number, to: number, isResting = true): void {
    const whole = Math.min(Math.max(to - from, shortest), longest);
    const middle = (from + to) / 2;
    [this.view.from, this.view.to] = [middle - whole / 2, middle + whole / 2];
    this.markSpan(whole);
    this.source.want(this.view.from, this.view.to, this.view.width);
    this.schedule();
    if (!isResting) return;
    window.clearTimeout(this.remembering);
    this.remembering = window.setTimeout(() => history.replaceState(null, "", `#t=${Math.round(this.view.from)},${Math.round(this.view.to)}`), 250);
  }

  private zoom(factor: number, around = 0.5, isResting = true): void {
    const whole = this.view.to - this.view.from;
    const next = Math.min(Math.max(whole * factor, shortest), longest);
    const at = this.view.from + whole * around;
    this.move(at - next * around, at + next * (1 - around), isResting);
  }

  private pan(part: number, isResting = true): void {
    const step = (this.view.to - this.view.from) * part;
    this.move(this.view.from + step, this.view.to + step, isResting);
  }

  /** Shows a span that ends where the present window, or the record, ends. */
  private show(length: number): void {
    const end = Math.min(this.view.to, this.last() + length * 0.04);
    this.move(end - length, end);
  }

  private all(): void {
    this.move(...padded(this.first(), this.last()));
  }

  private first(): number {
    return firstOf(this.source.told?.lanes ?? [], this.view.from);
  }

  private last(): number {
    return lastOf(this.source.told?.lanes ?? [], this.source.told?.now ?? this.view.to);
  }

  private pin(key: string): void {
    if (!this.choice.pinned.delete(key)) this.choice.pinned.add(key);
    keepPinned(this.choice.pinned);
    this.arrange();
  }

  /** The lane under a height of the picture. */
  private laneAt(y: number): LaneRow | null {
    const at = y - axisHeight + this.scroll.scrollTop;
    const row = y < axisHeight ? undefined : this.rows.find((row) => row.top <= at && at < row.top + row.height);
    return row?.kind === "lane" ? row : null;
  }

  private laneRows(): LaneRow[] {
    return this.rows.filter((row): row is LaneRow => row.kind === "lane");
  }

  /** Says what an item is, in the line above the lanes. */
  private say(found: { row: LaneRow; item: Item | null } | null): void {
    const told = this.source.told;
    if (!told) return;
    if (!found) {
      const hidden = told.whole ? "" : ` ${t("timeline.not-whole")}`;
      this.readout.textContent = fill("timeline.within", { count: told.events, total: told.total }) + hidden;
    } else if (!found.item) {
      this.readout.textContent = `${found.row.lane.name} ${fill("timeline.events", { count: found.row.lane.events, total: found.row.lane.total })}`;
    } else {
      const words = said(found.row.lane, told, found.item);
      this.readout.replaceChildren(h("time", {}, words.when), " ", h("strong", {}, words.what), " ", h("span", { class: "hint" }, words.more));
    }
  }

  /** What a click or Enter does. */
  private act(row: LaneRow, item: Item): void {
    const told = this.source.told;
    if (!told) return;
    if (item.kind === "heap") {
      const step = (told.to - told.from) / told.buckets;
      const from = told.from + (row.lane.heaps?.number[item.number] ?? 0) * step;
      this.move(from - 8 * step, from + 9 * step);
      return;
    }
    const span = row.lane.topic === "drug" && item.kind === "span" ? row.lane.spans?.[item.number] : undefined;
    if (span) void this.since.open(row.lane, span.from, placeOf(this.patient, row.lane, item));
    else this.open(row, item);
  }

  /** Opens the source. */
  private open(row: LaneRow, item: Item): void {
    const place = placeOf(this.patient, row.lane, item);
    if (place) window.location.assign(place);
  }

  /** Goes to the next thing of the lane, or to the next lane. */
  private step(lanes: number, things: number): void {
    const told = this.source.told;
    const list = this.laneRows();
    const now = list.findIndex((row) => row.key === this.cursor?.key);
    const row = list[now < 0 ? 0 : Math.min(Math.max(now + lanes, 0), list.length - 1)];
    if (!told || !row) return;
    const inside = items(this.view, row.lane, told).filter(({ from, to }) => to >= 0 && from <= this.view.width);
    const here = lanes === 0 ? this.cursor?.item : null;
    const at = here ? inside.findIndex(({ item }) => item.kind === here.kind && item.number === here.number) : -1;
    const next = at < 0 ? inside.length - 1 : Math.min(Math.max(at + things, 0), inside.length - 1);
    const item = inside[next]?.item ?? null;
    const seen = this.scroll.clientHeight - axisHeight;
    if (row.top < this.scroll.scrollTop) this.scroll.scrollTop = row.top - 24;
    else if (row.top + row.height > this.scroll.scrollTop + seen) this.scroll.scrollTop = row.top + row.height - seen + 8;
    this.stand(row, item, told);
  }

  private key(event: KeyboardEvent): void {
    if (event.isComposing || event.altKey || event.ctrlKey || event.metaKey || event.target !== this.scroll) return;
    const row = this.laneRows().find((row) => row.key === this.cursor?.key);
    const item = this.cursor?.item;
    const whole = this.view.to - this.view.from;
    const doings: Record<string, () => void> = {
      arrowdown: () => this.step(1, 0),
      arrowup: () => this.step(-1, 0),
      arrowleft: () => (event.shiftKey ? this.pan(-0.25) : this.step(0, -1)),
      arrowright: () => (event.shiftKey ? this.pan(0.25) : this.step(0, 1)),
      "+": () => this.zoom(0.5, this.place()),
      ";": () => this.zoom(0.5, this.place()),
      "-": () => this.zoom(2, this.place()),
      "0": () => this.all(),
      pageup: () => this.pan(-0.8),
      pagedown: () => this.pan(0.8),
      home: () => this.move(this.first() - whole * 0.05, this.first() + whole * 0.95),
      end: () => this.move(this.last() - whole * 0.95, this.last() + whole * 0.05),
      enter: () => row && item && this.act(row, item),
      p: () => row && this.pin(row.key),
      o: () => row && item && this.open(row, item),
      escape: () => this.leaveCursor(),
    };
    const span = spans[Number(event.key) - 1];
    const does = span ? () => this.show(span[1]) : doings[event.key.toLowerCase()];
    if (!does) return;
    does();
    event.preventDefault();
  }

  private leaveCursor(): void {
    this.cursor = null;
    this.since.close();
    this.say(null);
    this.schedule();
  }

  /** Where in the window the cursor stands, as a part of it. */
  private place(): number {
    const told = this.source.told;
    const row = this.laneRows().find((row) => row.key === this.cursor?.key);
    const here = this.cursor?.item;
    const one = told && row && here ? items(this.view, row.lane, told).find(({ item }) => item.kind === here.kind && item.number === here.number) : undefined;
    return one ? Math.min(Math.max((one.from + one.to) / 2 / this.view.width, 0), 1) : 0.5;
  }

  private point(x: number, y: number, pageX: number, pageY: number): void {
    const told = this.source.told;
    const row = this.laneAt(y);
    const item = told && row ? hit(this.view, row.lane, told, x) : null;
    const changed = this.hover?.key !== row?.key || this.hover?.item.number !== item?.number || this.hover?.item.kind !== item?.kind;
    this.hover = row && item ? { key: row.key, item } : null;
    this.canvas.style.cursor = item ? "pointer" : "grab";
    this.tip.hidden = !item;
    if (told && row && item) {
      const words = said(row.lane, told, item);
      this.tip.replaceChildren(h("strong", {}, words.what), h("time", {}, words.when), words.more && h("span", {}, words.more));
      this.placeTip(pageX, pageY);
    }
    if (changed) this.schedule();
  }

  /** Puts the tip beside the pointer, within the frame. */
  private placeTip(pageX: number, pageY: number): void {
    const frame = this.tip.parentElement?.getBoundingClientRect();
    if (!frame) return;
    const [x, y] = [pageX - frame.left, pageY - frame.top];
    const left = Math.min(Math.max(x + 14, 4), frame.width - this.tip.offsetWidth - 4);
    const isLow = y + 18 + this.tip.offsetHeight > frame.height;
    this.tip.style.transform = `translate(${left}px, ${Math.max(isLow ? y - this.tip.offsetHeight - 12 : y + 18, 0)}px)`;
  }

  private leave(): void {
    this.hover = null;
    this.tip.hidden = true;
    this.schedule();
  }

  private click(x: number, y: number): void {
    const told = this.source.told;
    const row = this.laneAt(y);
    if (!told || !row) return;
    const item = hit(this.view, row.lane, told, x);
    this.stand(row, item, told);
    if (item) this.act(row, item);
  }

  private tabulate(): void {
    const told = this.source.told;
    if (!told) return;
    const list = this.laneRows();
    const one = h("div", { class: "lanes-one" });
    const choose = (row: LaneRow): void => {
      one.replaceChildren(details(row, told, this.view, this.patient));
      one.scrollIntoView({ block: "nearest" });
    };
    const chosen = list.find((row) => row.key === this.cursor?.key);
    if (chosen) one.replaceChildren(details(chosen, told, this.view, this.patient));
    this.table.replaceChildren(this.table.firstElementChild ?? "", h("div", { class: "lanes-grid" }, overview(list, told, choose)), one);
  }
}

const host = document.getElementById("lanes");
if (host) new Instrument(host, host.dataset["patient"] ?? "");
