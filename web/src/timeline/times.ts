// Times of the axis and in words. All are civil: seconds after 1970 as if the clock stood at UTC.
import { day, year } from "./data";

const two = (number: number): string => String(number).padStart(2, "0");
const at = (seconds: number): Date => new Date(Math.round(seconds) * 1000);

export const dateText = (seconds: number): string => at(seconds).toISOString().slice(0, 10);

/** A moment; midnight sharp is a day. */
export function momentText(seconds: number): string {
  const text = at(seconds).toISOString();
  return text.slice(11, 16) === "00:00" ? text.slice(0, 10) : `${text.slice(0, 10)} ${text.slice(11, 16)}`;
}

export interface Tick {
  at: number;
  label: string;
  strong: boolean;
}

/** Steps of the axis: months, or seconds. */
const steps: { months?: number; seconds?: number }[] = [
  { seconds: 300 }, { seconds: 900 }, { seconds: 1800 }, { seconds: 3600 }, { seconds: 3 * 3600 }, { seconds: 6 * 3600 }, { seconds: 12 * 3600 },
  { seconds: day }, { seconds: 2 * day }, { seconds: 7 * day }, { months: 1 }, { months: 3 }, { months: 6 }, { months: 12 }, { months: 24 }, { months: 60 }, { months: 120 },
];
/** Fewest pixels between two labels. */
const apart = 72;

/** The ticks of a window of so many pixels. */
export function ticks(from: number, to: number, width: number): Tick[] {
  const each = (apart / width) * (to - from);
  const step = steps.find((step) => (step.seconds ?? ((step.months ?? 1) * year) / 12) >= each) ?? { months: 240 };
  const list: Tick[] = [];
  if (step.seconds !== undefined) {
    const origin = step.seconds === 7 * day ? 4 * day : 0;
    for (let time = origin + Math.ceil((from - origin) / step.seconds) * step.seconds; time <= to; time += step.seconds) list.push(tick(time, step.seconds < day));
    return list;
  }
  const months = step.months ?? 12;
  const start = at(from);
  let month = start.getUTCFullYear() * 12 + start.getUTCMonth();
  month = Math.ceil(month / months) * months;
  for (;;) {
    const time = Date.UTC(Math.floor(month / 12), month % 12, 1) / 1000;
    if (time > to) return list;
    const strong = month % 12 === 0;
    if (time >= from) list.push({ at: time, label: strong || months >= 12 ? String(Math.floor(month / 12)) : `${Math.floor(month / 12)}-${two((month % 12) + 1)}`, strong });
    month += months;
  }
}

function tick(time: number, hours: boolean): Tick {
  const date = at(time);
  const isMidnight = date.getUTCHours() === 0 && date.getUTCMinutes() === 0;
  const ofDay = `${date.getUTCMonth() + 1}/${date.getUTCDate()}`;
  if (hours && !isMidnight) return { at: time, label: `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}`, strong: false };
  return { at: time, label: ofDay, strong: hours || date.getUTCDate() === 1 };
}

/** A number as a picture shows it: three or four digits that mean something. */
export function numberText(value: number): string {
  const size = Math.abs(value);
  const text = size >= 1000 ? value.toFixed(0) : size >= 100 ? value.toFixed(1) : size >= 0.1 ? value.toFixed(2) : value.toPrecision(2);
  return String(Number(text));
}

/** A value as it was recorded. */
export function exactText(value: number): string {
  return String(Number(value.toPrecision(12)));
}
