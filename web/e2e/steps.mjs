// Steps that the stories share, and what they find out.
import assert from "node:assert/strict";

/** The text as the editor holds it. */
export const textOf = (page) =>
  page.evaluate(() => [...document.querySelectorAll(".cm-content .cm-line")].map((line) => line.textContent).join("\n"));

/** The names of the facts in the list, with the sign of a denial. */
export const factsOf = (page) => page.locator("#facts-list .fact-name").allTextContents();

/** Puts the caret at the end of the text. */
export async function toEnd(page) {
  await page.locator(".cm-content").click();
  await page.keyboard.press("Control+End");
}

/** Waits until the present text is saved. */
export const saved = (page) => page.waitForSelector('#saved[data-state="saved"]', { timeout: 6000 });

/** Waits for a fact that holds these words. */
export const fact = (page, words) =>
  page.locator("#facts-list .fact", { hasText: words }).first().waitFor({ timeout: 6000 });

/** Types a phrase as an input method does: kana first, growing, then converted, then committed. */
export async function compose(client, kana, committed) {
  for (let length = 1; length <= kana.length; length += 1) {
    const text = kana.slice(0, length);
    await client.send("Input.imeSetComposition", { text, selectionStart: length, selectionEnd: length });
  }
  await client.send("Input.imeSetComposition", { text: committed, selectionStart: committed.length, selectionEnd: committed.length });
  await client.send("Input.insertText", { text: committed });
}

/** Says the author's name, as the first visit asks. */
export async function introduce(page, address, name) {
  await page.goto(`${address}/`);
  await page.fill("#author", name);
  await page.click("button.primary");
  await page.waitForSelector("table.grid");
}

/** Creates a real patient. */
export async function createPatient(page, address, { number, name, kana, birth }) {
  await page.goto(`${address}/patients/new`);
  await page.fill("#number", number);
  await page.fill("#name", name);
  await page.fill("#kana", kana);
  await page.check('input[name="sex"][value="male"]');
  await page.fill("#birth", birth);
  await page.click('form[action="/patients"] button.primary');
  await page.waitForURL(/\/patients\/\d+$/);
  assert.equal(await page.locator(".patient-bar .dummy").count(), 0, "a real patient is not marked as a dummy");
}

/** Percentile of numbers. */
export function percentile(numbers, part) {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
}
