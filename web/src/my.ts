// The patient's phone: an answer that cannot be sent waits in the browser, is shown as not yet effective, and goes out when
// the line is back. The server refuses what a later answer has overtaken, so that a queue overwrites nothing.
import { h } from "./dom";
import { fill, t } from "./text";

interface Waiting {
  /** Whose: a mark of the person, so that nobody else's session on this device sends it. */
  person: string;
  study: string;
  title: string;
  to: string;
  fields: [string, string][];
  /** Milliseconds since 1970. */
  at: number;
}

interface Said {
  state: string;
  says: string;
  seen?: number;
}

const STORE = "tsumugi-my";
/** A day: after that what waited is forgotten, and said to be. */
const KEPT = 24 * 3600_000;
const AGAIN = 3_000;
const PATIENCE = 8_000;

const state = document.getElementById("my-state");
const person = state?.dataset["person"] ?? "";
const form = document.querySelector<HTMLFormElement>("form[data-sends]");
let memory: Waiting[] = [];
let busy = false;
let asksForCode = false;

document.documentElement.classList.add("scripted-page");

function all(): Waiting[] {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(STORE) ?? "[]");
    return Array.isArray(kept) ? (kept as Waiting[]) : [];
  } catch {
    return memory;
  }
}

function keep(list: Waiting[]): void {
  memory = list;
  try {
    if (list.length > 0) localStorage.setItem(STORE, JSON.stringify(list));
    else localStorage.removeItem(STORE);
  } catch {
    // A browser that keeps nothing: what waits is in this page only.
  }
}

const mine = (): Waiting[] => all().filter((one) => one.person === person);
const isSame = (a: Waiting, b: Waiting): boolean => a.person === b.person && a.study === b.study && a.at === b.at;
const forget = (one: Waiting): void => keep(all().filter((other) => !isSame(one, other)));

function show(kind: string, ...parts: (Node | string)[]): void {
  if (!state) return;
  state.dataset["kind"] = kind;
  state.replaceChildren(...parts.map((part) => h("p", {}, part)));
}

function showWaiting(key: string): void {
  const list = h("ul", {}, ...mine().map((one) => h("li", {}, `${one.title} `, h("strong", {}, t("my.not-yet")))));
  show("waiting", h("strong", {}, t("my.not-yet")), t(key), list);
}

/** A new key for each sheet: the same sheet sent twice is kept once. */
function fresh(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function set(name: string, value: string): void {
  const field = form?.elements.namedItem(name);
  if (field instanceof HTMLInputElement) field.value = value;
}

async function send(one: Waiting): Promise<boolean> {
  let answer: Response;
  try {
    const body = new URLSearchParams(one.fields);
    answer = await fetch(one.to, { method: "POST", body, signal: AbortSignal.timeout(PATIENCE), credentials: "same-origin" });
  } catch {
    showWaiting("my.offline");
    return false;
  }
  if (answer.status === 401) {
    asksForCode = true;
    showWaiting("my.ended");
    state?.append(h("p", {}, h("a", { class: "button", href: "/my" }, t("my.new-code"))));
    return false;
  }
  if (answer.status >= 500) {
    showWaiting("my.trouble");
    return false;
  }
  const said = (await answer.json().catch(() => undefined)) as Said | undefined;
  forget(one);
  if (!said) {
    show("refused", t("my.refused"));
    return true;
  }
  if (said.seen !== undefined && form?.dataset["study"] === one.study) set("seen", String(said.seen));
  const link = h("a", { class: "button", href: `/my/choices/${one.study}` }, t("my.look"));
  show(answer.ok ? "done" : "refused", h("strong", {}, said.says), one.title, link);
  return true;
}

async function flush(): Promise<void> {
  if (busy || asksForCode || !state) return;
  busy = true;
  try {
    const late = all().filter((one) => Date.now() - one.at > KEPT);
    if (late.length > 0) {
      keep(all().filter((one) => Date.now() - one.at <= KEPT));
      show("refused", ...late.filter((one) => one.person === person).map((one) => fill("my.too-late", { title: one.title })));
    }
    for (const one of mine()) if (!(await send(one))) break;
  } finally {
    busy = false;
  }
}

form?.addEventListener("submit", (event) => {
  event.preventDefault();
  const act = event.submitter instanceof HTMLButtonElement ? event.submitter.value : "answer";
  const fields = [...new FormData(form)].map(([name, value]): [string, string] => [name, String(value)]);
  if (act === "answer" && !fields.some(([name]) => name.startsWith("a:"))) {
    show("refused", t("my.none-chosen"));
    form.querySelector<HTMLInputElement>("input[type=radio]")?.focus();
    return;
  }
  const said = act === "answer" ? fields : fields.filter(([name]) => !name.startsWith("a:"));
  const one: Waiting = {
    person,
    study: form.dataset["study"] ?? "",
    title: form.dataset["title"] ?? "",
    to: form.dataset["sends"] ?? "",
    fields: [...said, ["act", act]],
    at: Date.now(),
  };
  // Of one study only the last that was said waits.
  keep([...all().filter((other) => other.person !== person || other.study !== one.study), one]);
  set("key", fresh());
  for (const radio of form.querySelectorAll<HTMLInputElement>("input[type=radio]")) radio.checked = false;
  showWaiting("my.sending");
  state?.scrollIntoView({ block: "nearest" });
  void flush();
});

/** Who leaves takes what waits along: it is not sent by whoever holds the device next. */
document.querySelector<HTMLFormElement>("form[data-leaves]")?.addEventListener("submit", (event) => {
  if (mine().length > 0 && !window.confirm(t("my.leave-waiting"))) event.preventDefault();
  else keep(all().filter((one) => one.person !== person));
});

addEventListener("online", () => void flush());
addEventListener("visibilitychange", () => void flush());
setInterval(() => void (mine().length > 0 && flush()), AGAIN);
if (mine().length > 0) showWaiting("my.sending");
void flush();
