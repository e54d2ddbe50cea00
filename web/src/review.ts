// Review of reports by key: every fact is accepted or corrected with one, and the page is sent when all are judged.
import { need } from "./dom";

const form = need<HTMLFormElement>("review");
const rows = [...form.querySelectorAll<HTMLElement>(".review-fact")];
const text = need("note-text");
const began = performance.now();
let at = 0;

document.documentElement.classList.add("scripted-page");

function choices(row: HTMLElement): HTMLInputElement[] {
  return [...row.querySelectorAll<HTMLInputElement>("input[type=radio]")];
}

/** `12-15 20-22` as pairs of offsets. */
function stretches(places: string | undefined): [number, number][] {
  return (places ?? "").split(" ").filter(Boolean).map((place) => {
    const [start, end] = place.split("-").map(Number);
    return [start ?? 0, end ?? 0];
  });
}

/** Stands at a fact and shows its words. */
function stand(index: number): void {
  at = Math.max(0, Math.min(rows.length - 1, index));
  rows.forEach((row, number) => row.classList.toggle("now", number === at));
  const row = rows[at];
  row?.focus({ preventScroll: true });
  row?.scrollIntoView({ block: "nearest" });
  const places = stretches(row?.dataset["places"]);
  for (const mark of text.querySelectorAll<HTMLElement>("[data-at]")) {
    const isHere = stretches(mark.dataset["at"]).some(([start, end]) => places.some(([from, to]) => start < to && from < end));
    mark.classList.toggle("lit", isHere);
    if (isHere) mark.scrollIntoView({ block: "nearest" });
  }
}

/** Judges the fact one stands at and goes on; after the last one the page is ready to be sent. */
function judge(index: number): void {
  const row = rows[at];
  const choice = row && choices(row)[index];
  if (!row || !choice) return;
  choice.checked = true;
  row.classList.add("judged");
  const open = rows.findIndex((one, number) => number > at && !choices(one).some((input) => input.checked));
  if (open >= 0) stand(open);
  else form.querySelector<HTMLButtonElement>("button[type=submit]")?.focus();
}

form.addEventListener("submit", () => {
  const seconds = form.elements.namedItem("seconds");
  if (seconds instanceof HTMLInputElement) seconds.value = ((performance.now() - began) / 1000).toFixed(1);
});
form.addEventListener("focusin", (event) => {
  const row = (event.target as HTMLElement).closest<HTMLElement>(".review-fact");
  if (row && rows[at] !== row) stand(rows.indexOf(row));
});

document.addEventListener("keydown", (event) => {
  if (event.isComposing || event.altKey) return;
  const digit = Number(/^Digit([1-9])$/.exec(event.code)?.[1] ?? 0);
  if ((event.ctrlKey || event.metaKey) && event.key === "Enter") form.requestSubmit();
  else if (event.ctrlKey || event.metaKey) return;
  else if (event.code === "KeyA") judge(0);
  else if (event.code === "KeyX") judge(1);
  else if (digit > 0) judge(1 + digit);
  else if (event.key === "ArrowDown" || event.code === "KeyJ") stand(at + 1);
  else if (event.key === "ArrowUp" || event.code === "KeyK") stand(at - 1);
  else return;
  event.preventDefault();
});
stand(0);
