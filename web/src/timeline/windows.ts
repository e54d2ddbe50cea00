// Which window is shown first, and how it is remembered for who comes back.
import { day, shortest, year, type Lane } from "./data";

/** Years that a first view holds at most. */
const years = 10;
const pins = "tsumugi.timeline.pinned";
/** Most lanes that stay pinned. */
const mostPinned = 40;

/** The window that the address names, as the page was left. */
export function remembered(): [number, number] | null {
  const found = /^#t=(-?\d+),(-?\d+)$/.exec(window.location.hash);
  const [from, to] = [Number(found?.[1]), Number(found?.[2])];
  return found && to - from >= shortest ? [from, to] : null;
}

/** Lanes that were pinned, of whomever. */
export function pinned(): Set<string> {
  try {
    const list: unknown = JSON.parse(localStorage.getItem(pins) ?? "[]");
    return new Set(Array.isArray(list) ? list.filter((one): one is string => typeof one === "string") : []);
  } catch {
    return new Set();
  }
}

/** Keeps them; a browser that keeps nothing still pins for this page. */
export function keepPinned(keys: Set<string>): void {
  try {
    localStorage.setItem(pins, JSON.stringify([...keys].slice(-mostPinned)));
  } catch {
    // Nothing is lost but the habit.
  }
}

/** The beginning of what is recorded. */
export const firstOf = (lanes: Lane[], otherwise: number): number => (lanes.length > 0 ? lanes.map((lane) => lane.first).reduce((a, b) => Math.min(a, b)) : otherwise);

/** The end of what is recorded; plans for later are in it. */
export function lastOf(lanes: Lane[], now: number): number {
  const lasts = lanes.map((lane) => lane.last).filter((last) => last < now + 2 * year);
  return lasts.length > 0 ? lasts.reduce((a, b) => Math.max(a, b)) : now;
}

/** Room on both sides. */
export function padded(from: number, to: number): [number, number] {
  const room = Math.max((to - from) * 0.03, day / 2);
  return [from - room, to + room];
}

/** The window that a record wants first: what was recorded by its own time, at most the last ten years. */
export function fitting(lanes: Lane[], now: number): [number, number] {
  // A drug that has been taken for long, or an old diagnosis, says little of when the person was here.
  const dated = lanes.filter((lane) => ["document", "encounter", "test", "device"].includes(lane.topic));
  const drugs = lanes.filter((lane) => lane.topic === "drug");
  const told = [dated, drugs, lanes].find((list) => list.length > 0) ?? lanes;
  const last = lastOf(told, now);
  return padded(Math.max(firstOf(told, last - year), last - years * year), last);
}

/** The civil time of this clock, seconds after 1970. */
export const clock = (): number => Date.now() / 1000 - new Date().getTimezoneOffset() * 60;

/** Ten years back from now: what is asked for before anything is known. */
export const usual = (): [number, number] => padded(clock() - years * year, clock());
