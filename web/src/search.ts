// Names to choose from while a search is typed, by kana or kanji.
import { h, need } from "./dom";

interface Name {
  concept: string;
  name: string;
  code: string;
}

const input = need<HTMLInputElement>("q");
const concept = need<HTMLInputElement>("concept");
const list = need<HTMLUListElement>("names");
let names: Name[] = [];
let chosen = -1;
let asked = 0;

input.setAttribute("role", "combobox");
input.setAttribute("aria-controls", "names");
input.setAttribute("aria-autocomplete", "list");

function show(): void {
  list.replaceChildren(
    ...names.map((name, index) => {
      const row = h("li", { role: "option", id: `name-${index}`, "aria-selected": String(index === chosen) }, name.name, " ", h("code", {}, name.code));
      row.addEventListener("mousedown", (event) => {
        event.preventDefault();
        choose(index);
      });
      return row;
    }),
  );
  list.hidden = names.length === 0;
  input.setAttribute("aria-expanded", String(names.length > 0));
  if (chosen >= 0) input.setAttribute("aria-activedescendant", `name-${chosen}`);
  else input.removeAttribute("aria-activedescendant");
}

function close(): void {
  names = [];
  chosen = -1;
  show();
}

function choose(index: number): void {
  const name = names[index];
  if (!name) return;
  input.value = name.name;
  concept.value = name.concept;
  close();
  input.form?.requestSubmit();
}

async function ask(): Promise<void> {
  const text = input.value.trim();
  const number = ++asked;
  if (!text || document.querySelector<HTMLInputElement>("input[name=mode]:checked")?.value === "text") return close();
  const answer = await fetch(`/api/concepts?q=${encodeURIComponent(text)}`).catch(() => null);
  if (!answer?.ok || number !== asked) return;
  names = (await answer.json()) as Name[];
  if (number !== asked) return;
  chosen = -1;
  show();
}

input.addEventListener("input", (event) => {
  // What was chosen from the list is no longer what is written.
  concept.value = "";
  if (!(event as InputEvent).isComposing) void ask();
});
input.addEventListener("compositionend", () => void ask());
input.addEventListener("blur", close);
input.addEventListener("keydown", (event) => {
  if (event.isComposing || event.keyCode === 229 || names.length === 0) return;
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    const step = event.key === "ArrowDown" ? 1 : -1;
    chosen = (chosen + step + names.length + (chosen < 0 && step < 0 ? 1 : 0)) % names.length;
    show();
  } else if (event.key === "Enter" && chosen >= 0) {
    choose(chosen);
  } else if (event.key === "Escape") {
    close();
  } else {
    return;
  }
  event.preventDefault();
});
