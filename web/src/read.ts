// Texts to knowledge: a file is put into the form; proposals are accepted, corrected or rejected by key.
import { combo } from "./combo";

document.documentElement.classList.add("scripted-page");

/** Names of concepts: what is chosen replaces the name that is being typed, and its id is kept beside it. */
for (const input of document.querySelectorAll<HTMLInputElement>("input[data-names]")) {
  const list = document.getElementById(input.dataset["names"] ?? "");
  const ids = input.parentElement?.querySelector<HTMLInputElement>("input[type=hidden]");
  if (!list || !ids) continue;
  const many = "many" in input.dataset;
  const parts = (): string[] => (many ? input.value.split("|").map((part) => part.trim()) : [input.value.trim()]);
  combo(input, list, {
    query: () => parts().at(-1) ?? "",
    chosen: (name) => {
      input.value = [...parts().slice(0, -1), name.name].join(" | ");
      ids.value = [...ids.value.split("|").filter(Boolean), name.concept].join("|");
      input.dispatchEvent(new Event("change", { bubbles: true }));
    },
  });
}

const give = document.querySelector<HTMLFormElement>("#give");
const file = document.querySelector<HTMLInputElement>("#file");
const text = document.querySelector<HTMLTextAreaElement>("#text");

/** The text of a file: UTF-8, else what Japanese systems write. */
async function contents(chosen: File): Promise<string> {
  const bytes = await chosen.arrayBuffer();
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return new TextDecoder("shift_jis").decode(bytes);
  }
}

async function take(chosen: File | null | undefined): Promise<void> {
  if (!chosen || !text) return;
  text.value = await contents(chosen);
  text.focus();
  text.setSelectionRange(0, 0);
}
file?.addEventListener("change", () => void take(file.files?.[0]));
text?.addEventListener("dragover", (event) => event.preventDefault());
text?.addEventListener("drop", (event) => {
  if (!event.dataTransfer?.files.length) return;
  event.preventDefault();
  void take(event.dataTransfer.files[0]);
});
give?.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key === "Enter") give.requestSubmit();
});

const form = document.querySelector<HTMLFormElement>("#statements");
if (form) review(form);

/** Scrolls the text, and nothing but the text, to a mark; where the text does not scroll the page stays. */
function reveal(mark: HTMLElement): void {
  const paper = mark.closest<HTMLElement>(".paper-page");
  if (!paper || paper.scrollHeight <= paper.clientHeight) return;
  const [outer, inner] = [paper.getBoundingClientRect(), mark.getBoundingClientRect()];
  const below = Math.min(outer.bottom, window.innerHeight);
  if (inner.top < outer.top + 24 || inner.bottom > below - 24) paper.scrollTop += inner.top - outer.top - (below - outer.top) / 3;
}

function review(form: HTMLFormElement): void {
  const rows = [...form.querySelectorAll<HTMLElement>(".proposal")];
  const marks = [...document.querySelectorAll<HTMLElement>("#note-text mark")];
  const send = form.querySelector<HTMLButtonElement>("button[name=keep]");
  let at = -1;

  const choices = (row: HTMLElement): HTMLInputElement[] => [...row.querySelectorAll<HTMLInputElement>("input[type=radio]")];
  const show = (): void => {
    for (const row of rows) {
      const verdict = choices(row).find((choice) => choice.checked)?.value;
      row.classList.toggle("accepted", verdict === "accept");
      row.classList.toggle("rejected", verdict === "reject");
    }
  };
  /** Stands at a proposal and shows its words. */
  const stand = (index: number, focus = true): void => {
    at = Math.max(0, Math.min(rows.length - 1, index));
    rows.forEach((row, number) => row.classList.toggle("now", number === at));
    const row = rows[at];
    if (focus) row?.focus({ preventScroll: true });
    row?.scrollIntoView({ block: "nearest" });
    for (const mark of marks) {
      const isHere = mark.dataset["at"] === row?.dataset["places"];
      mark.classList.toggle("lit", isHere);
      if (isHere) reveal(mark);
    }
  };
  /** Judges the proposal one stands at and goes on to the next that is open; the same key again takes the verdict back. */
  const judge = (verdict: string): void => {
    const row = rows[at];
    const choice = row && choices(row).find((one) => one.value === verdict);
    if (!choice) return;
    choice.checked = !choice.checked;
    show();
    if (!choice.checked) return;
    const open = (row: HTMLElement, number: number): boolean => number > at && !row.classList.contains("settled") && !choices(row).some((one) => one.checked);
    const next = rows.findIndex(open);
    if (next >= 0) stand(next);
    else send?.focus();
  };
  const correct = (): void => {
    const details = rows[at]?.querySelector("details");
    if (!details) return;
    details.open = true;
    details.querySelector<HTMLElement>("input:not([type=hidden]), select")?.focus();
  };

  form.addEventListener("change", (event) => {
    show();
    // Who corrects a proposal means to accept it.
    const row = (event.target as HTMLElement).closest<HTMLElement>(".proposal");
    const isField = (event.target as HTMLElement).closest(".fields") !== null;
    const accept = row && choices(row).find((one) => one.value === "accept");
    if (isField && accept) {
      accept.checked = true;
      show();
    }
  });
  form.addEventListener("focusin", (event) => {
    const row = (event.target as HTMLElement).closest<HTMLElement>(".proposal");
    if (row && rows[at] !== row) stand(rows.indexOf(row), false);
  });
  for (const mark of marks) {
    mark.addEventListener("click", () => stand(rows.findIndex((row) => row.dataset["places"] === mark.dataset["at"])));
  }

  document.addEventListener("keydown", (event) => {
    if (event.isComposing || event.altKey) return;
    const target = event.target as HTMLElement;
    if ((event.ctrlKey || event.metaKey) && event.key === "Enter" && send) {
      event.preventDefault();
      form.requestSubmit(send);
      return;
    }
    if (event.ctrlKey || event.metaKey) return;
    const isTyping = target.matches("input[type=text], select, textarea");
    if (isTyping) {
      // Enter in a field would send the page; it ends the correction instead.
      if ((event.key === "Enter" || event.key === "Escape") && target.closest("form") === form) {
        event.preventDefault();
        if (target.closest(".proposal")) stand(at);
      }
      return;
    }
    if (event.code === "KeyA") judge("accept");
    else if (event.code === "KeyX") judge("reject");
    else if (event.code === "KeyE") correct();
    else if (event.key === "ArrowDown" || event.code === "KeyJ") stand(at + 1);
    else if (event.key === "ArrowUp" || event.code === "KeyK") stand(at - 1);
    else return;
    event.preventDefault();
  });
  show();
  if (rows.length > 0) stand(0);
}
