// The note screen: every key press is answered with what was understood; nothing that was typed gets lost.
import { Chooser } from "./chooser";
import { copyText } from "./copy";
import { h, need } from "./dom";
import { Editor } from "./editor";
import { Line } from "./line";
import { lock, unlock } from "./lock";
import type { Draft, Fact, Feedback, Heard, ItemAnswer, Missing, Phrase, Place, Question, Said } from "./messages";
import { MissingPanel } from "./missing";
import { OfferPanel } from "./offers";
import { FactPanel, OpenPanel } from "./panels";
import { placeOf } from "./place";
import { ReasonBox } from "./reason";
import { SnippetPanel } from "./snippet";
import { SupportPanel } from "./support";
import { fill, t } from "./text";

/** Milliseconds: a pause after which the text is saved, and the longest it stays unsaved while one types on. */
const pause = 700;
const longest = 1800;
/** Milliseconds of rest after which the missing items are asked for. */
const rest = 250;
/** Milliseconds between two spoken summaries. */
const spoken = 500;

const root = need("note");
const link = {
  patient: root.dataset["patient"] ?? "",
  encounter: root.dataset["encounter"] ?? "",
  addendum: root.dataset["addendum"] ? Number(root.dataset["addendum"]) : null,
};
const area = need<HTMLTextAreaElement>("text");
const saved = need("saved");
const live = need("live");
const conflictBox = need("conflict");

let base: number | null = root.dataset["base"] ? Number(root.dataset["base"]) : null;
let savedText = area.value;
/** When it was saved, as the server tells it. */
let savedAt = "";
let rev = 0;
let asked = -1;
let feedback: Feedback | null = null;
let inFlight: string | null = null;
let dirtySince = 0;
let timer: number | undefined;
let inConflict = false;
let leaving = false;
let changedAt = 0;
/** Why something was chosen, by its concept. */
const reasons = new Map<string, string>();
/** Answers outlive a reload of the page; they are no words of the note. */
const answersKey = `tsumugi/${location.search}`;
const repeat: Said[] = JSON.parse(sessionStorage.getItem(answersKey) ?? "[]") as Said[];
const chooser = new Chooser();
const snippets = new SnippetPanel();
const reasonBox = new ReasonBox();

document.documentElement.classList.add("scripted-page");
const nonce = document.querySelector<HTMLMetaElement>("meta[name=csp-nonce]")?.content ?? "";
const paper = area.parentElement as HTMLElement;
const ghost = h("p", { class: "ghost", "aria-hidden": "true" }, area.placeholder);
const editor = new Editor(paper, area.value, area.getAttribute("aria-label") ?? "", nonce, {
  changed() {
    rev += 1;
    changedAt = performance.now();
    ghost.hidden = editor.view.state.doc.length > 0;
    markDirty();
    offers.changed();
    if (!editor.composing) read();
  },
  composed() {
    read();
    paint();
    offers.changed();
  },
  moved() {
    offers.moved();
    showOpen();
  },
  left() {
    offers.close();
    save();
  },
});
area.hidden = true;
area.disabled = true;
paper.append(ghost);
ghost.hidden = area.value.length > 0;
editor.view.focus();

const hooks = {
  look: (places: Place[]) => editor.light(places),
  go: (place: Place) => editor.select(place),
  correct: (fact: Fact, near: HTMLElement) => correct(fact, near.getBoundingClientRect()),
  reason: (fact: Fact, near: HTMLElement) => giveReason(fact, near.getBoundingClientRect()),
  reasonOf: (concept: string) => reasons.get(concept) ?? "",
  settle,
  answer,
};
const facts = new FactPanel(need("facts-list"), need("facts-count"), hooks);
const open = new OpenPanel(need("open-items"), need("open-list"), hooks);
const missing = new MissingPanel(need("missing"), need("missing-list"), { answer: answerItem, leave: () => editor.view.focus() });

const query = new URLSearchParams({ patient: link.patient, encounter: link.encounter });
if (link.addendum !== null) query.set("addendum", String(link.addendum));
const line = new Line(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws?${query}`, hear, () => {
  inFlight = null;
  asked = -1;
  state(isDirty() ? "offline-dirty" : "offline");
});

const support = new SupportPanel(
  (said) => line.say(said),
  () => rev,
  () => {
    offers.close();
    missingFor = "";
    if (support.isOn("templates")) askMissing();
    else showMissing([]);
  },
);

const offers = new OfferPanel(editor, paper, {
  say: (said) => line.say(said),
  understood: () => (feedback?.rev === rev ? rev : null),
  isOn: () => support.isOn("prediction"),
  speak: (text) => (live.textContent = lastSpoken = text),
  snippet(snippet, from, to) {
    const at = editor.lineAtCaret() ?? { left: 0, bottom: 0 };
    const called = editor.text.slice(from, to);
    snippets.show(snippet, at, (text) => {
      editor.view.focus();
      if (text !== null && editor.text.slice(from, to) === called) editor.insert(from, to, text);
    });
  },
});

function hear(message: Heard): void {
  switch (message.type) {
    case "hello":
      return greet(message.draft);
    case "feedback":
      return understand(message);
    case "saved":
      return kept(message.revision, message.at);
    case "conflict":
      return clash(message.current);
    case "candidates":
      return chooser.fillIn(message.list);
    case "support":
      return support.show(message);
    case "suggestions":
      return offers.show(message);
    case "asked":
      return heardMissing(message.rev, message.rows);
    case "answered":
      return itemAnswered(message.item, message.text, message.section);
    case "reasoned":
      return reasoned(message);
    case "refused":
      return missing.refuse(message.item, message.message);
    case "signed":
      leaving = true;
      sessionStorage.removeItem(answersKey);
      line.end();
      return location.assign(message.address);
    case "locked":
      inFlight = null;
      return lock(false);
    case "ended":
      inFlight = null;
      return lock(true, message.message);
    case "error":
      inFlight = null;
      state("error", message.message);
      if (isDirty()) timer = window.setTimeout(save, 2000);
  }
}

/** The line is there: what was said before is said again, and what was typed meanwhile is sent. */
function greet(draft: Draft | null): void {
  unlock();
  for (const said of repeat) line.say(said);
  asked = -1;
  const isUntouched = editor.text === savedText;
  if (draft && draft.revision !== base && isUntouched) {
    base = draft.revision;
    savedText = draft.text;
    if (draft.text !== editor.text) editor.replace(draft.text);
  }
  read();
  savedAt = draft?.at ?? savedAt;
  if (isDirty()) save();
  else state(base === null ? "idle" : "saved", savedAt);
}

/** Sends the text to be read, one at a time; what comes meanwhile is sent with the answer. */
function read(): void {
  if (asked >= 0 || editor.composing) return;
  if (line.say({ type: "edit", rev, text: editor.text })) asked = rev;
}

function understand(answer: Feedback): void {
  if (answer.rev === asked) asked = -1;
  if (answer.rev !== rev) return read();
  feedback = answer;
  paint();
  support.understood();
  offers.ask();
  askMissing();
}

/** Shows the newest answer, never while a composition goes on. */
function paint(): void {
  if (!feedback || feedback.rev !== rev || editor.composing) return;
  editor.paint(feedback.marks);
  if (changedAt > 0) {
    performance.measure("tsumugi.highlight", { start: changedAt, end: performance.now() });
    changedAt = 0;
  }
  facts.show(feedback.facts);
  showOpen();
  speak();
}

function showOpen(): void {
  if (!feedback || feedback.rev !== rev || editor.composing) return;
  const at = feedback.phrases.find((phrase) => editor.isAt(phrase)) ?? null;
  open.show(feedback.phrases, feedback.questions, feedback.remarks, at, missing.count === 0);
  need("missing").dataset["keys"] = open.keyed === null ? "on" : "off";
}

let lastSpoken = "";
let speakTimer: number | undefined;
function speak(): void {
  if (speakTimer !== undefined) return;
  speakTimer = window.setTimeout(() => {
    speakTimer = undefined;
    const names = (feedback?.facts ?? []).slice(-2).map((fact) => (fact.absent ? t("note.absent") : "") + fact.name);
    let text = fill("note.live", { names: names.join(" "), count: feedback?.facts.length ?? 0, open: feedback?.phrases.length ?? 0 });
    if (missing.count > 0) text += ` ${fill("input.live-missing", { count: missing.count })}`;
    if (text !== lastSpoken) live.textContent = lastSpoken = text;
  }, spoken);
}

// ---- what is missing

/** The facts for which the missing items were asked last. */
let missingFor = "";
let missingTimer: number | undefined;
/** Answers that are on their way. */
const answering = new Map<string, ItemAnswer>();

function factsNow(): string {
  return JSON.stringify((feedback?.facts ?? []).map((fact) => [fact.concept, fact.absent, fact.value, fact.remarks]));
}

/** Asks for the missing items once the text rests, where the facts have changed. */
function askMissing(): void {
  window.clearTimeout(missingTimer);
  if (!support.isOn("templates") || factsNow() === missingFor) return;
  missingTimer = window.setTimeout(() => {
    if (support.isOn("templates") && feedback?.rev === rev) line.say({ type: "ask", rev });
  }, rest);
}

function heardMissing(of: number, rows: Missing[][]): void {
  if (of !== rev || !support.isOn("templates")) return;
  missingFor = factsNow();
  showMissing(rows);
}

function showMissing(rows: Missing[][]): void {
  missing.show(rows);
  showOpen();
}

function answerItem(item: Missing, given: ItemAnswer): void {
  answering.set(item.key, given);
  if (!line.say({ type: "answered", item: item.key, answer: given })) state("offline-dirty");
}

/** The text of an answer goes into its section; the caret stays where it was, and the item does not come again. */
function itemAnswered(item: string, text: string, section: string): void {
  const given = answering.get(item);
  if (!given) return;
  answering.delete(item);
  keep({ type: "answered", item, answer: given, again: true });
  if (!missing.close(item)) editor.view.focus();
  if (text !== "") {
    const place = placeOf(editor.text, editor.caret, section, text);
    editor.add(place.at, place.text);
  }
  live.textContent = lastSpoken = `${t("input.closed")} ${text}`;
  missingFor = "";
  askMissing();
}

// ---- saving

function isDirty(): boolean {
  return editor.text !== savedText;
}

function markDirty(): void {
  if (!isDirty()) {
    // Back to what is saved, by keys or by undoing: there is nothing to wait for.
    window.clearTimeout(timer);
    dirtySince = 0;
    if (saved.dataset["state"] === "dirty") state(base === null ? "idle" : "saved", savedAt);
    return;
  }
  if (dirtySince === 0) dirtySince = performance.now();
  if (!inConflict) state(line.open ? "dirty" : "offline-dirty");
  window.clearTimeout(timer);
  const left = Math.max(0, longest - (performance.now() - dirtySince));
  timer = window.setTimeout(save, Math.min(pause, left));
}

function save(): void {
  window.clearTimeout(timer);
  if (!isDirty() || inFlight !== null || leaving) return;
  const text = editor.text;
  // A refused text is kept in the draft's log too, so that saving goes on while two texts stand against each other.
  if (line.say({ type: "save", text, base })) inFlight = text;
}

function kept(revision: number, at: string): void {
  base = revision;
  savedText = inFlight ?? savedText;
  inFlight = null;
  dirtySince = 0;
  inConflict = false;
  conflictBox.hidden = true;
  savedAt = at;
  state("saved", at);
  if (isDirty()) markDirty();
}

function clash(current: Draft | null): void {
  const refused = inFlight;
  inFlight = null;
  dirtySince = 0;
  if (current && current.text === editor.text) return kept(current.revision, current.at);
  state("conflict");
  // Only what was typed since is sent again.
  if (refused !== null) savedText = refused;
  const isNew = !inConflict;
  inConflict = true;
  showConflict(current);
  if (isNew) conflictBox.querySelector("button")?.focus();
}

function showConflict(current: Draft | null): void {
  const choice = (key: string, text: () => string) => {
    const button = h("button", { type: "button" }, t(key));
    button.addEventListener("click", () => {
      base = current?.revision ?? null;
      inConflict = false;
      conflictBox.hidden = true;
      const next = text();
      if (next !== editor.text) editor.replace(next);
      savedText = current?.text ?? "";
      if (isDirty()) save();
      else state("saved", current?.at ?? "");
      editor.view.focus();
    });
    return button;
  };
  const mine = choice("note.conflict-mine", () => editor.text);
  const theirs = current && choice("note.conflict-theirs", () => current.text);
  const both = current && choice("note.conflict-both", () => `${editor.text}\n\n${current.text}`);
  conflictBox.replaceChildren(
    h("p", { role: "alert" }, h("strong", {}, t("note.conflict-title")), " ", t(current ? "note.conflict-says" : "note.conflict-gone")),
    current ? h("pre", {}, current.text) : "",
    h("div", { class: "buttons" }, mine, theirs, both),
  );
  conflictBox.className = "conflict";
  conflictBox.hidden = false;
}

function state(word: string, detail = ""): void {
  saved.dataset["state"] = word;
  const text: Record<string, string> = {
    idle: "",
    dirty: t("note.saving"),
    saved: fill("note.saved", { at: detail }),
    offline: t("note.offline"),
    "offline-dirty": t("note.offline-dirty"),
    conflict: t("note.conflict-short"),
    error: fill("note.failed", { why: detail }),
  };
  saved.textContent = text[word] ?? "";
}

window.addEventListener("beforeunload", (event) => {
  if (leaving || !isDirty() || inConflict) return;
  save();
  if (!line.open) event.preventDefault();
});
window.addEventListener("pagehide", () => {
  if (leaving || !isDirty()) return;
  const body = new Blob([JSON.stringify({ link, text: editor.text, base })], { type: "application/json" });
  // The save that is under way may be this one; the other is refused and kept, so that no text gets lost.
  if (inFlight !== editor.text) navigator.sendBeacon("/api/draft", body);
});
document.addEventListener("visibilitychange", () => document.visibilityState === "hidden" && save());

// ---- settling, answering, correcting

/** Keeps what is said again when the line comes back, and answers beyond a reload of the page. */
function keep(said: Said): void {
  repeat.push(said);
  sessionStorage.setItem(answersKey, JSON.stringify(repeat.filter((one) => one.type === "answer" || one.type === "answered" || one.type === "reason")));
}

function teach(said: Said): void {
  keep(said);
  if (!line.say(said)) state("offline-dirty");
}

function settle(phrase: Phrase, concept: string, remember: boolean): void {
  teach({ type: "settle", surface: phrase.text, concept, remember });
}

function answer(question: Question, option: string): void {
  teach({ type: "answer", rule: question.rule, option });
}

function correct(fact: Fact, at: { left: number; bottom: number }): void {
  if (!fact.surface) return;
  chooser.show(fact.name, at, (concept) => teach({ type: "correct", surface: fact.surface, wrong: fact.concept, right: concept }));
  line.say({ type: "candidates", surface: fact.surface, now: fact.concept });
}

function factAtCaret(): [Fact | undefined, { left: number; bottom: number } | null | undefined] {
  const fact = feedback?.facts.find((one) => one.places.some((place) => editor.isAt(place)));
  const place = fact?.places.find((one) => editor.isAt(one));
  return [fact, place && editor.where(place)];
}

function correctAtCaret(): void {
  const [fact, at] = factAtCaret();
  if (fact && at) correct(fact, at);
}

// ---- reasons

/** Opens the line for why a fact was chosen; never asked for, never in the way. */
function giveReason(fact: Fact, at: { left: number; bottom: number }): void {
  reasonBox.show(fact.name, reasons.get(fact.concept) ?? "", at, (words) => {
    if (words === (reasons.get(fact.concept) ?? "")) return;
    if (!line.say({ type: "reason", concept: fact.concept, name: fact.name, words })) state("offline-dirty");
  });
}

function reasonAtCaret(): void {
  const [fact, at] = factAtCaret();
  if (fact && at) giveReason(fact, at);
}

/** The reason is kept until the note is signed, with what was on the screen; a line that comes back hears it again. */
function reasoned(said: { concept: string; name: string; words: string; shown: unknown }): void {
  const earlier = repeat.findIndex((one) => one.type === "reason" && one.concept === said.concept);
  if (earlier >= 0) repeat.splice(earlier, 1);
  if (said.words === "") reasons.delete(said.concept);
  else reasons.set(said.concept, said.words);
  keep({ type: "reason", concept: said.concept, name: said.name, words: said.words, shown: said.shown ?? undefined });
  if (feedback?.rev === rev) facts.show(feedback.facts);
  live.textContent = lastSpoken = t("note.reason-kept");
}

// ---- signing and copying

function sign(): void {
  if (document.querySelector("dialog[open]")) return;
  if (editor.text.trim() === "") return state("error", t("note.empty"));
  // Where the page asks for a physician, the note is entered on that person's behalf and waits to be confirmed.
  const physician = document.querySelector<HTMLSelectElement>("#physician");
  if (physician?.value === "") {
    physician.focus();
    return state("error", t("note.physician-wanted"));
  }
  const word = physician ? "enter" : "sign";
  const counts = { facts: feedback?.facts.length ?? 0, unread: feedback?.phrases.length ?? 0, questions: feedback?.questions.length ?? 0 };
  const dialog = h("dialog", { class: "ask-sign", "aria-label": t(`note.${word}-title`) });
  const go = h("button", { type: "submit", class: "primary" }, t(`note.${word}-do`), " ", h("kbd", {}, "Enter"));
  const back = h("button", { type: "button" }, t("note.sign-back"), " ", h("kbd", {}, "Esc"));
  const form = h(
    "form",
    { method: "dialog" },
    h("h2", {}, t(`note.${word}-title`)),
    h("ul", {}, h("li", {}, fill("note.sign-facts", counts)), h("li", {}, fill("note.sign-unread", counts)), h("li", {}, fill("note.sign-questions", counts))),
    h("p", { class: "hint" }, t(`note.${word}-says`)),
    h("div", { class: "buttons" }, go, back),
  );
  const now = () => {
    dialog.close();
    window.clearTimeout(timer);
    if (inFlight !== null) return void window.setTimeout(now, 20);
    if (!line.say({ type: "sign", text: editor.text, base, physician: physician?.value ?? "" })) state("offline-dirty");
    else inFlight = editor.text;
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    now();
  });
  back.addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => {
    dialog.remove();
    editor.view.focus();
  });
  dialog.addEventListener("keydown", (event) => {
    if (!event.isComposing && (event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "s") {
      event.preventDefault();
      event.stopPropagation();
      now();
    }
  });
  dialog.append(form);
  document.body.append(dialog);
  dialog.showModal();
  go.focus();
}

async function copy(): Promise<void> {
  const button = need("copy");
  const done = await copyText(editor.text);
  button.dataset["done"] = done ? t("note.copied") : t("note.copy-failed");
  live.textContent = button.dataset["done"];
  window.setTimeout(() => delete button.dataset["done"], 2500);
}

need("copy").addEventListener("click", () => void copy());
need("sign").addEventListener("click", (event) => {
  event.preventDefault();
  sign();
});

// ---- keys

function nextRegion(back: boolean): void {
  const all = [editor.view.contentDOM, need("open-items"), need("facts"), need("missing"), need("support"), need("previous")].filter((one) => !one.hidden);
  const now = all.findIndex((one) => one.contains(document.activeElement));
  const next = all[(now + (back ? -1 : 1) + all.length) % all.length];
  if (!next || next === editor.view.contentDOM) return editor.view.focus();
  (next.querySelector<HTMLElement>("button, summary, input") ?? next).focus();
}

document.addEventListener(
  "keydown",
  (event) => {
    if (event.isComposing || event.keyCode === 229 || chooser.open || snippets.open || reasonBox.open || document.querySelector("dialog[open]")) return;
    const command = (event.ctrlKey || event.metaKey) && !event.altKey;
    const digit = Number(/^Digit([1-5])$/.exec(event.code)?.[1] ?? 0);
    const alt = event.altKey && !event.ctrlKey && !event.metaKey;
    const settled = missing.count > 0 ? open.keyed : open.active;
    if (editor.view.hasFocus && offers.key(event)) {
      event.preventDefault();
      event.stopPropagation();
      return;
    }
    if (event.key === "F6") nextRegion(event.shiftKey);
    else if (command && !event.shiftKey && event.code === "KeyS") sign();
    else if (command && event.shiftKey && event.code === "KeyC") void copy();
    else if (alt && event.shiftKey && digit > 0 && open.question) {
      const option = open.question.options[digit - 1];
      if (option !== undefined) answer(open.question, option);
    } else if (alt && !event.shiftKey && digit > 0 && settled) {
      const candidate = settled.candidates[digit - 1];
      if (candidate) settle(settled, candidate.concept, true);
    } else if (alt && !event.shiftKey && digit > 0 && missing.focus(digit)) {
      // An answer follows.
    } else if (alt && !event.shiftKey && event.code === "Digit0") support.toggleAll();
    else if (alt && event.code === "KeyY" && open.active) settle(open.active, "", false);
    else if (alt && event.code === "KeyN" && open.active) settle(open.active, "", true);
    else if (alt && event.key === "Enter" && editor.view.hasFocus) correctAtCaret();
    else if (alt && event.code === "KeyR" && editor.view.hasFocus) reasonAtCaret();
    else return;
    event.preventDefault();
    event.stopPropagation();
  },
  true,
);
