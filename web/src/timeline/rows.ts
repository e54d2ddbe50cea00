// Which lanes stand where: groups by topic, pinned ones first, and what has nothing to show within the window behind one
// line that says how many they are.
import { fill, t } from "../text";
import { isCurve, keyOf, type Lane, type Told } from "./data";

/** Topics in the order of the page. */
export const topics = ["encounter", "document", "disease", "drug", "test", "device", "finding", "care", "background"] as const;

export interface LaneRow {
  kind: "lane";
  key: string;
  lane: Lane;
  pinned: boolean;
  top: number;
  height: number;
}

export interface HeadRow {
  kind: "head";
  topic: string;
  text: string;
  top: number;
  height: number;
}

export interface RestRow {
  kind: "rest";
  topic: string;
  text: string;
  open: boolean;
  top: number;
  height: number;
}

export type Row = LaneRow | HeadRow | RestRow;

/** What the reader chose. */
export interface Choice {
  /** Topics that are shown; none is all. */
  topics: Set<string>;
  /** Words in the name. */
  words: string;
  /** Lanes that stand first and tall. */
  pinned: Set<string>;
  /** Topics whose quiet lanes are shown too. */
  open: Set<string>;
  /** On a phone a name stands above its lane. */
  narrow: boolean;
}

const nameAbove = 18;

function heightOf(lane: Lane, pinned: boolean, narrow: boolean): number {
  const plot = isCurve(lane) ? (pinned ? 112 : 46) : pinned ? 34 : 27;
  return plot + (narrow ? nameAbove : 0);
}

/** Where the picture of a lane lies within its row. */
export function plotOf(row: LaneRow, narrow: boolean): { top: number; height: number } {
  const above = narrow ? nameAbove : 0;
  return { top: row.top + above, height: row.height - above };
}

/** Whether a lane has nothing to say within a window. */
function isQuiet(lane: Lane, told: Told): boolean {
  if (lane.topic === "finding" || lane.topic === "background" || lane.topic === "care" || lane.topic === "disease") {
    if (lane.denied === lane.total) return true;
  }
  if (lane.spans !== undefined || lane.topic === "disease" || lane.topic === "drug") return (lane.spans?.length ?? 0) === 0;
  return lane.events === 0 && told.lanes.length > 12;
}

/** Lays the lanes out from the top; gives the rows and the height of all. */
export function layOut(told: Told, choice: Choice): { rows: Row[]; height: number } {
  const rows: Row[] = [];
  let top = 0;
  const put = (row: Row): void => {
    row.top = top;
    top += row.height;
    rows.push(row);
  };
  const words = choice.words.normalize("NFKC").toLowerCase();
  const wanted = told.lanes.filter((lane) => lane.name.normalize("NFKC").toLowerCase().includes(words));
  const laneRow = (lane: Lane, pinned: boolean): LaneRow => ({ kind: "lane", key: keyOf(lane), lane, pinned, top: 0, height: heightOf(lane, pinned, choice.narrow) });
  const pinned = wanted.filter((lane) => choice.pinned.has(keyOf(lane)));
  if (pinned.length > 0) {
    put({ kind: "head", topic: "pinned", text: t("timeline.pinned"), top: 0, height: 24 });
    for (const lane of pinned) put(laneRow(lane, true));
  }
  for (const topic of topics) {
    if (choice.topics.size > 0 && !choice.topics.has(topic)) continue;
    const lanes = wanted.filter((lane) => lane.topic === topic && !choice.pinned.has(keyOf(lane)));
    if (lanes.length === 0) continue;
    const isSingle = topic === "encounter" || topic === "document";
    const quiet = words || isSingle ? [] : lanes.filter((lane) => isQuiet(lane, told));
    const loud = lanes.filter((lane) => !quiet.includes(lane));
    loud.sort((a, b) => Number(b.events > 0) - Number(a.events > 0) || b.total - a.total || a.name.localeCompare(b.name, "ja"));
    if (!isSingle) put({ kind: "head", topic, text: `${t(`timeline.lane.${topic}`)} ${lanes.length}`, top: 0, height: 24 });
    for (const lane of loud) put(laneRow(lane, false));
    if (quiet.length === 0) continue;
    const open = choice.open.has(topic);
    const denied = quiet.filter((lane) => lane.denied === lane.total).length;
    const parts = [quiet.length > denied ? fill("timeline.quiet-empty", { count: quiet.length - denied }) : "", denied > 0 ? fill("timeline.quiet-denied", { count: denied }) : ""];
    const text = fill("timeline.quiet", { count: quiet.length, what: parts.filter(Boolean).join("・") });
    put({ kind: "rest", topic, text, open, top: 0, height: choice.narrow ? 44 : 26 });
    if (open) for (const lane of quiet) put(laneRow(lane, false));
  }
  return { rows, height: top };
}
