// Pages without an editor: copying a signed note as plain text.
import { copyText } from "./copy";

document.documentElement.classList.add("scripted-page");
for (const button of document.querySelectorAll<HTMLElement>("[data-copy]")) {
  button.addEventListener("click", async () => {
    const source = document.getElementById(button.dataset["copy"] ?? "");
    if (source && (await copyText(source.textContent ?? ""))) button.textContent = button.dataset["done"] ?? "";
  });
}
document.getElementById("lit")?.scrollIntoView({ block: "center" });
