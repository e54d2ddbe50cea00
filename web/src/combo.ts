// Names to choose from while one is typed, by kana or kanji: the search of the terminology below an input.
import { h } from "./dom";

export interface Name {
  concept: string;
  name: string;
  code: string;
}

interface Options {
  /** What is asked for; nothing closes the list. */
  query: () => string;
  /** A name was chosen. */
  chosen: (name: Name) => void;
  /** Something else is written now. */
  changed?: () => void;
}

/** Makes an input with its list of names a combo box. */
export function combo(input: HTMLInputElement, list: HTMLElement, options: Options): void {
  let names: Name[] = [];
  let at = -1;
  let asked = 0;
  input.setAttribute("role", "combobox");
  input.setAttribute("aria-controls", list.id);
  input.setAttribute("aria-expanded", "false");
  input.setAttribute("aria-autocomplete", "list");

  const show = (): void => {
    list.replaceChildren(
      ...names.map((name, index) => {
        const row = h("li", { role: "option", id: `${list.id}-${index}`, "aria-selected": String(index === at) }, name.name, " ", h("code", {}, name.code));
        row.addEventListener("mousedown", (event) => {
          event.preventDefault();
          choose(index);
        });
        return row;
      }),
    );
    list.hidden = names.length === 0;
    input.setAttribute("aria-expanded", String(names.length > 0));
    if (at >= 0) input.setAttribute("aria-activedescendant", `${list.id}-${at}`);
    else input.removeAttribute("aria-activedescendant");
  };
  const close = (): void => {
    asked += 1;
    names = [];
    at = -1;
    show();
  };
  const choose = (index: number): void => {
    const name = names[index];
    if (!name) return;
    close();
    options.chosen(name);
  };
  const ask = async (): Promise<void> => {
    const number = ++asked;
    const text = options.query();
    if (!text) return close();
    const answer = await fetch(`/api/concepts?q=${encodeURIComponent(text)}`).catch(() => null);
    if (!answer?.ok || number !== asked) return;
    const found = (await answer.json()) as Name[];
    if (number !== asked) return;
    names = found;
    at = -1;
    show();
  };

  input.addEventListener("input", (event) => {
    options.changed?.();
    if (!(event as InputEvent).isComposing) void ask();
  });
  input.addEventListener("compositionend", () => void ask());
  input.addEventListener("blur", close);
  input.addEventListener("keydown", (event) => {
    if (event.isComposing || event.keyCode === 229 || names.length === 0) return;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      const step = event.key === "ArrowDown" ? 1 : -1;
      at = (at + step + names.length + (at < 0 && step < 0 ? 1 : 0)) % names.length;
      show();
    } else if (event.key === "Enter" && at >= 0) {
      choose(at);
    } else if (event.key === "Escape") {
      close();
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  });
}
