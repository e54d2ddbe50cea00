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

export const password = "kiri-no-naka-7:bashi";

/** Sets a password through the link that was handed over. */
export async function choosePassword(page, address, link, secret = password) {
  await page.goto(`${address}${link}`);
  await page.fill("#password", secret);
  await page.fill("#again", secret);
  await page.click("main button.primary");
}

/** Types name and password. */
export async function signIn(page, address, user, secret = password) {
  await page.goto(`${address}/sign-in`);
  await page.fill("#user", user);
  await page.fill("#password", secret);
  await page.click("main button.primary");
}

/** Signs in for the first time, with the link that was handed over. */
export async function introduce(page, address, user, link) {
  await choosePassword(page, address, link);
  await signIn(page, address, user);
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
