// The names beside the picture, one element a row.
import { h } from "../dom";
import { fill, t } from "../text";
import { axisHeight } from "./draw";
import type { LaneRow, Row } from "./rows";
import { reference } from "./words";

/** What a name may ask for. */
export interface Naming {
  narrow: boolean;
  pin(key: string): void;
  unfold(topic: string, open: boolean): void;
}

/** The elements of all rows. */
export function labelled(rows: Row[], naming: Naming): HTMLElement[] {
  return rows.map((row) => {
    const element = labelOf(row, naming);
    element.style.top = `${row.top + axisHeight}px`;
    element.style.height = `${row.height}px`;
    return element;
  });
}

function labelOf(row: Row, naming: Naming): HTMLElement {
  if (row.kind === "head") return h("li", { class: "head" }, row.text);
  if (row.kind === "lane") return lane(row, naming);
  const button = h("button", { type: "button", class: "quiet", "aria-expanded": String(row.open) }, row.text);
  button.addEventListener("click", () => naming.unfold(row.topic, !row.open));
  return h("li", { class: "rest" }, button);
}

function lane(row: LaneRow, naming: Naming): HTMLElement {
  const words = fill("timeline.pin", { name: row.lane.name });
  const pin = h("button", { type: "button", class: "pin", "aria-pressed": String(row.pinned), "aria-label": words, title: words });
  pin.addEventListener("click", () => naming.pin(row.key));
  const more = row.lane.more ? fill("timeline.more", { count: row.lane.more }) : "";
  const about = [row.lane.unit, reference(row.lane), more].filter(Boolean).join(" ");
  const classes = ["lane", row.lane.topic, row.pinned && "pinned", row.lane.events === 0 && !row.lane.spans && "empty"].filter(Boolean).join(" ");
  return h(
    "li",
    { class: classes },
    pin,
    h("span", { class: "name", title: row.lane.name }, row.lane.name),
    (row.height >= 40 || naming.narrow) && h("span", { class: "about" }, about),
    row.lane.heaps && h("span", { class: "heaped", title: t("timeline.heaped-says") }, fill("timeline.heaped", { count: row.lane.events })),
  );
}
