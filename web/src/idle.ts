// A page that nobody uses hides itself once its session is locked. A form that was begun stays behind the lock, and is there
// again when the password has been given.
import { h } from "./dom";

const own = document.querySelector<HTMLElement>("[data-idle]");
/** Seconds until the session is locked, and the page that asks for the password. */
const [seconds = "", address = "/lock"] = (own?.dataset["idle"] ?? "").split(";url=");
let isBegun = false;

addEventListener("input", () => (isBegun = true));
addEventListener("submit", () => (isBegun = false));

function wait(): void {
  window.setTimeout(() => void look(), 1000 * Number(seconds));
}

async function look(): Promise<void> {
  if (!isBegun) return location.assign(address);
  // Nothing is to be read while it is asked whether the session is locked.
  const dialog = h("dialog", { class: "lock", tabindex: "-1" });
  dialog.addEventListener("cancel", (event) => event.preventDefault());
  document.body.append(dialog);
  dialog.showModal();
  const open = (): void => {
    dialog.remove();
    wait();
  };
  const state = await fetch("/api/concepts?q=").catch(() => null);
  // It is used in another window.
  if (state?.ok) return open();
  const page = await fetch(address, { redirect: "manual" }).catch(() => null);
  const asks = page?.ok ? new DOMParser().parseFromString(await page.text(), "text/html") : null;
  const form = asks?.querySelector<HTMLFormElement>('form[action="/unlock"]');
  if (!asks || !form) return location.assign(address);
  const title = asks.querySelector("h1")?.textContent ?? "";
  dialog.setAttribute("aria-label", title);
  dialog.append(h("h2", {}, title), document.adoptNode(form));
  const wrong = h("p", { class: "mistake", role: "alert", hidden: true });
  form.prepend(wrong);
  const password = form.querySelector<HTMLInputElement>("input[name=password]");
  if (password) {
    // The page may have a password of its own.
    form.querySelector("label[for=password]")?.setAttribute("for", "lock-password");
    password.id = "lock-password";
  }
  password?.focus();
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    // What was begun is still there.
    event.stopPropagation();
    const body = new URLSearchParams({ password: password?.value ?? "" });
    void fetch("/api/unlock", { method: "POST", body }).then(async (answer) => {
      if (answer.ok) return open();
      if (answer.status === 410) return location.assign(address);
      wrong.textContent = await answer.text();
      wrong.hidden = false;
      if (password) password.value = "";
      password?.focus();
    });
  });
}

if (own) wait();
