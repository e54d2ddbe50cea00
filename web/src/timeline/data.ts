// What the server tells of a timeline, and how it is fetched: a window with room on both sides, at the detail that it needs.

/** A bar. Times are seconds of civil time after 1970. */
export interface Span {
  kind: "care" | "past" | "suspected" | "claim" | "supply" | "noted" | "stop" | "stay" | "visit";
  from: number;
  to?: number;
  id?: number;
  count: number;
  short?: string;
  text?: string;
}

/** Marks as they are, a list a column. */
export interface Points {
  at: number[];
  until?: number[];
  value?: (number | null)[];
  flags: number[];
  id: number[];
  also?: number[];
  text?: string[];
}

/** What lies within each stretch of the window, a list a column. */
export interface Heaps {
  number: number[];
  count: number[];
  low?: (number | null)[];
  middle?: (number | null)[];
  high?: (number | null)[];
  off: number[];
}

export interface Lane {
  topic: string;
  concept: string;
  name: string;
  unit: string;
  low?: number;
  high?: number;
  total: number;
  denied: number;
  events: number;
  first: number;
  last: number;
  more?: number;
  points?: Points;
  heaps?: Heaps;
  spans?: Span[];
}

export interface Told {
  from: number;
  to: number;
  now: number;
  buckets: number;
  events: number;
  total: number;
  whole: boolean;
  lanes: Lane[];
}

/** Bits of a mark. */
export const flag = { claim: 1, own: 2, absent: 4, suspected: 8, past: 16, planned: 32, stopped: 64 } as const;

/** The level of a value: 1 low, 2 normal, 3 high, 4 positive, 5 negative. */
export const level = (flags: number): number => (flags >> 8) & 7;

/** What tells a lane from all others. */
export const keyOf = (lane: Lane): string => `${lane.topic}/${lane.concept}/${lane.unit}`;

/** Whether a lane is a curve. */
export const isCurve = (lane: Lane): boolean => (lane.topic === "test" || lane.topic === "device") && (lane.points?.value?.some((value) => value !== null) ?? lane.heaps?.middle !== undefined);

const hour = 3600;
export const day = 24 * hour;
export const year = 365.25 * day;
/** Shortest window. */
export const shortest = hour;
/** Pixels of a stretch. */
const pixels = 3;
/** How much of the window is asked for on each side beyond it. */
const room = 0.5;

/** Civil time as the server reads it. */
export const civil = (seconds: number): string => new Date(Math.round(seconds) * 1000).toISOString().slice(0, 19);

/** Asks for windows, one at a time; an older question that is still open is dropped. */
export class Source {
  told: Told | null = null;
  private asked: AbortController | null = null;
  private timer = 0;

  constructor(
    private readonly patient: string,
    private readonly heard: (began: number) => void,
    private readonly failed: () => void,
  ) {}

  /** Whether what is here is too coarse for a window of so many pixels, or does not reach over it. */
  private isPoor(from: number, to: number, width: number): boolean {
    const told = this.told;
    if (!told || from < told.from - 1 || to > told.to + 1) return true;
    const wanted = (to - from) / (width / pixels);
    const here = (told.to - told.from) / told.buckets;
    return here > 2 * wanted && told.lanes.some((lane) => lane.heaps);
  }

  /** Sees to it that a window can be drawn; at once where nothing is here, else when the hand has come to rest. */
  want(from: number, to: number, width: number): void {
    window.clearTimeout(this.timer);
    if (!this.isPoor(from, to, width)) return;
    const ask = (): void => void this.ask(from, to, width);
    if (this.told) this.timer = window.setTimeout(ask, 80);
    else ask();
  }

  private async ask(from: number, to: number, width: number): Promise<void> {
    this.asked?.abort();
    const asked = new AbortController();
    this.asked = asked;
    const began = performance.now();
    const beyond = (to - from) * room;
    const buckets = Math.min(4000, Math.max(60, Math.round((width / pixels) * (1 + 2 * room))));
    const query = new URLSearchParams({ from: civil(from - beyond), to: civil(to + beyond), buckets: String(buckets) });
    try {
      const answer = await fetch(`/patients/${this.patient}/lanes?${query}`, { signal: asked.signal, headers: { accept: "application/json" } });
      if (!answer.ok || answer.redirected) throw new Error(String(answer.status));
      this.told = (await answer.json()) as Told;
      this.heard(began);
    } catch (error) {
      if (!asked.signal.aborted) this.failed();
    }
  }
}
