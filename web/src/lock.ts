// The lock over the editor: the screen is hidden, the text stays where it is, the password opens it again.
import { h } from "./dom";
import { t } from "./text";

let shown: HTMLDialogElement | null = null;

/** Hides the screen. `ended` is for a session that is over: signing in elsewhere brings it back. */
export function lock(ended: boolean, message = ""): void {
  shown?.remove();
  const dialog = h("dialog", { class: "lock", "aria-label": t("note.lock-title") });
  shown = dialog;
  dialog.addEventListener("cancel", (event) => event.preventDefault());
  const wrong = h("p", { class: "mistake", role: "alert", hidden: message === "" }, message);
  const title = h("h2", {}, t("note.lock-title"));
  if (ended) {
    const link = h("a", { class: "button primary", href: "/sign-in", target: "_blank" }, t("note.lock-sign-in"));
    dialog.append(title, wrong, h("p", {}, t("note.lock-ended")), h("p", { class: "buttons" }, link));
  } else {
    dialog.append(title, h("p", {}, t("note.lock-says")), wrong, form(wrong));
  }
  document.body.append(dialog);
  dialog.showModal();
}

/** The line is back: the screen may be seen again. */
export function unlock(): void {
  shown?.remove();
  shown = null;
}

function form(wrong: HTMLElement): HTMLFormElement {
  const password = h("input", { id: "lock-password", type: "password", autocomplete: "current-password", required: true, maxlength: "200" });
  const go = h("button", { type: "submit", class: "primary" }, t("note.lock-open"));
  const form = h("form", {}, h("label", { for: "lock-password" }, t("note.lock-password")), password, go);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const body = new URLSearchParams({ password: password.value });
    void fetch("/api/unlock", { method: "POST", body }).then(async (answer) => {
      if (answer.ok) return unlock();
      if (answer.status === 410) return lock(true);
      password.value = "";
      wrong.textContent = await answer.text();
      wrong.hidden = false;
      password.focus();
    });
  });
  return form;
}
