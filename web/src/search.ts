// Names to choose from while a search is typed, by kana or kanji.
import { combo } from "./combo";
import { need } from "./dom";

const input = need<HTMLInputElement>("q");
const concept = need<HTMLInputElement>("concept");

combo(input, need("names"), {
  query: () => (document.querySelector<HTMLInputElement>("input[name=mode]:checked")?.value === "text" ? "" : input.value.trim()),
  chosen: (name) => {
    input.value = name.name;
    concept.value = name.concept;
    input.form?.requestSubmit();
  },
  // What was chosen from the list is no longer what is written.
  changed: () => {
    concept.value = "";
  },
});
