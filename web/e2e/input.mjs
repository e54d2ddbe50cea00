// Stories of help while one types: names by kanji, kana and romaji, ghost text, snippets, and the items that are missing.
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { compose, fact, factsOf, percentile, saved, textOf, toEnd } from "./steps.mjs";

const offered = (page) => page.locator("#offers li .offer").allTextContents();
const isOpen = (page) => page.locator("#offers").isVisible();

/** Opens an empty note of the first dummy. */
async function open(page, address, encounter) {
  await page.goto(`${address}/open?patient=D001&encounter=${encounter}`);
  await page.waitForSelector(".cm-content");
  await toEnd(page);
  await page.keyboard.press("Control+a");
  await page.keyboard.press("Delete");
  await page.waitForTimeout(400);
}

/** Waits until a text is offered. */
const offers = (page, text) => page.locator("#offers li", { hasText: text }).first().waitFor({ timeout: 8000 });

export async function inputStories(story, page, address, images) {
  const client = await page.context().newCDPSession(page);
  // The names are indexed beside the start; nobody waits for them, so the first lists may be missing.
  await open(page, address, "I0");
  await page.keyboard.insertText("発");
  for (let round = 0; round < 240 && !(await isOpen(page)); round += 1) {
    await page.waitForTimeout(500);
    await page.keyboard.press("Control+Space");
  }

  await story("one kanji that was composed offers the whole name, which is taken only by choice", async () => {
    await open(page, address, "I1");
    await page.keyboard.insertText("昨日から");
    await compose(client, "はつ", "発");
    await offers(page, "発熱");
    assert.ok((await offered(page)).length <= 5);
    await page.keyboard.press("Enter");
    assert.equal(await textOf(page), "昨日から発\n", "Enter is a line break where nothing was chosen");
    await page.keyboard.press("Backspace");
    await offers(page, "発熱");
    const at = (await offered(page)).indexOf("発熱");
    for (let step = 0; step <= at; step += 1) await page.keyboard.press("ArrowDown");
    assert.ok((await page.locator('#offers li[aria-selected="true"] .note').textContent()).length > 0, "it says why");
    await page.keyboard.press("Enter");
    assert.equal(await textOf(page), "昨日から発熱");
    await fact(page, "発熱");
    await page.keyboard.press("Control+z");
    assert.equal(await textOf(page), "昨日から発", "what was taken is undone at once");
  });

  await story("the list is closed by Esc and comes by Ctrl+Space, and without one Tab leaves the text", async () => {
    await offers(page, "発熱");
    await page.keyboard.press("Escape");
    assert.equal(await isOpen(page), false);
    await page.keyboard.press("Control+Space");
    await offers(page, "発熱");
    await page.keyboard.press("Escape");
    await page.keyboard.press("Tab");
    assert.equal(await page.evaluate(() => document.activeElement?.closest(".cm-content")), null, "Tab moves the focus");
    assert.equal(await textOf(page), "昨日から発");
  });

  await story("romaji behind ; calls a name, and a snippet is filled slot by slot", async () => {
    await open(page, address, "I2");
    await page.keyboard.type(";hatunetu", { delay: 15 });
    await offers(page, "発熱");
    const at = (await offered(page)).indexOf("発熱");
    for (let step = 0; step <= at; step += 1) await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    assert.equal(await textOf(page), "発熱");
    await page.keyboard.press("Enter");
    await page.keyboard.type(";ab", { delay: 15 });
    await offers(page, "腹部");
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    await page.waitForSelector(".snippet");
    assert.equal(await textOf(page), "発熱\n;ab", "nothing of it is in the note before it is chosen");
    await page.keyboard.press("1");
    await page.keyboard.press("Tab");
    await page.keyboard.press("3");
    await page.keyboard.press("Enter");
    assert.equal(await textOf(page), "発熱\n腹部 平坦、右季肋部圧痛", "the slot that was skipped is gone, its separator too");
    assert.ok(await page.evaluate(() => document.querySelector(".cm-content") === document.activeElement));
    await fact(page, "圧痛");
  });

  await story("ghost text behind the caret is taken by Tab", async () => {
    // What one has written before comes again: a phrase of one's own, signed twice.
    const phrase = "経過は良好で前回と著変を認めない。";
    for (const encounter of ["I3", "I4"]) {
      await open(page, address, encounter);
      await page.keyboard.insertText(`S) 定期受診。${phrase}\n`);
      await saved(page);
      await page.keyboard.press("Control+s");
      await page.keyboard.press("Enter");
      await page.waitForURL(/signed=/, { timeout: 8000 });
    }
    await open(page, address, "I5");
    await page.keyboard.insertText("S) 定期受診。");
    await page.waitForSelector(".foretold:not([hidden])", { timeout: 8000 });
    const ghost = await page.locator(".foretold").textContent();
    assert.ok(phrase.startsWith(ghost), ghost);
    assert.equal(await textOf(page), "S) 定期受診。", "it is no part of the text");
    if (images) await pictures(page, images, "input-ghost");
    await page.keyboard.press("Tab");
    assert.equal(await textOf(page), `S) 定期受診。${ghost}`);
    assert.ok(await page.evaluate(() => document.querySelector(".cm-content") === document.activeElement));
  });

  await story("a missing item is answered by keyboard: its text is in the note, its fact in the list, and it is gone", async () => {
    await open(page, address, "I6");
    await page.keyboard.insertText("S) 昨日からの発熱と");
    await page.waitForSelector("#missing-list .item", { timeout: 8000 });
    const rows = page.locator("#missing-list .item");
    assert.ok((await rows.count()) <= 5);
    const kinds = await rows.evaluateAll((list) => list.map((one) => one.querySelector(".ask").querySelectorAll("button:not(.quiet)").length > 0));
    const number = kinds.indexOf(true) + 1;
    assert.ok(number > 0, "one of them is a choice");
    const key = await rows.nth(number - 1).locator(".ask").first().getAttribute("data-key");
    const before = (await factsOf(page)).length;
    await page.keyboard.press(`Alt+${number}`);
    assert.ok(await page.locator(`#missing-list [data-key="${key}"] .reason`).isVisible(), "it says why it is asked");
    await page.keyboard.press("1");
    await page.waitForFunction((gone) => ![...document.querySelectorAll("#missing-list .ask")].some((one) => one.dataset.key === gone), key);
    const text = await textOf(page);
    assert.match(text, /^S\) 昨日からの発熱と\n.+。$/, "the answer has a line of its own, below what is being written");
    await page.waitForFunction((count) => document.querySelectorAll("#facts-list .fact").length > count, before, { timeout: 6000 });
    await page.keyboard.press("Escape");
    assert.ok(await page.evaluate(() => document.querySelector(".cm-content") === document.activeElement), "back in the text");
    await page.keyboard.insertText("倦怠感。");
    assert.match(await textOf(page), /^S\) 昨日からの発熱と倦怠感。\n/, "the caret is where it was");
  });

  await story("unknown is an answer, and nothing is asked twice, after a reload neither", async () => {
    await page.waitForTimeout(700);
    const keys = () => page.locator("#missing-list .ask").evaluateAll((list) => list.map((one) => one.dataset.key));
    const before = await keys();
    assert.ok(before.length > 0);
    const text = await textOf(page);
    await page.keyboard.press("Alt+1");
    await page.keyboard.press("-");
    await page.waitForFunction((gone) => ![...document.querySelectorAll("#missing-list .ask")].some((one) => one.dataset.key === gone), before[0]);
    assert.equal(await textOf(page), text, "it writes nothing");
    await page.waitForTimeout(700);
    assert.ok(!(await keys()).includes(before[0]));
    await saved(page);
    await page.reload();
    await page.waitForSelector("#missing-list .item", { timeout: 8000 });
    assert.ok(!(await keys()).includes(before[0]), "not after a reload");
    if (images) await pictures(page, images, "input-missing");
  });

  await story("off by kind: nothing is shown and nothing is sent", async () => {
    const frames = [];
    page.on("websocket", (socket) => {
      socket.on("framesent", (frame) => frames.push(String(frame.payload)));
      socket.on("framereceived", (frame) => frames.push(String(frame.payload)));
    });
    const press = async (kind, on) => {
      const button = page.locator(`#support button[data-kind="${kind}"]`);
      if (!(await button.isVisible())) await page.locator("#support .kinds summary").click();
      await button.click();
      await page.waitForSelector(`#support button[data-kind="${kind}"][aria-pressed="${on}"]`);
    };
    await open(page, address, "I7");
    for (const kind of ["prediction", "templates"]) await press(kind, false);
    await page.waitForTimeout(500);
    frames.length = 0;
    await open(page, address, "I7");
    await page.keyboard.insertText("S) 昨日からの発熱。腹");
    await fact(page, "発熱");
    await page.waitForTimeout(900);
    await page.keyboard.press("Control+Space");
    await page.waitForTimeout(300);
    assert.ok(frames.some((frame) => frame.includes('"edit"')), "the line is looked at");
    assert.deepEqual(frames.filter((frame) => /"type":"(predict|suggestions|ask|asked)"/.test(frame)), []);
    assert.equal(await isOpen(page), false);
    assert.equal(await page.locator("#missing").isVisible(), false);
    for (const kind of ["prediction", "templates"]) await press(kind, true);
    await page.waitForSelector("#missing-list .item", { timeout: 8000 });
  });

  await story("twenty composed phrases with suggestions on: none is lost, none is doubled", async () => {
    await open(page, address, "I8");
    const phrases = [["はつねつ", "発熱"], ["と", "と"], ["みぎきろくぶつう", "右季肋部痛"], ["があり", "があり"], ["、", "、"], ["がいそう", "咳嗽"], ["なし", "なし"], ["。", "。"], ["とうにょうびょう", "糖尿病"], ["で", "で"]];
    let expected = "";
    for (const [kana, committed] of [...phrases, ...phrases]) {
      await compose(client, kana, committed);
      expected += committed;
      // Long enough for the list to come, and for the next composition to begin while it is there.
      await page.waitForTimeout(200);
      assert.equal(await textOf(page), expected);
    }
    await client.send("Input.imeSetComposition", { text: "は", selectionStart: 1, selectionEnd: 1 });
    await page.waitForTimeout(300);
    assert.equal(await isOpen(page), false, "nothing is shown during a composition");
    assert.equal(await page.locator(".foretold").isVisible(), false);
    await client.send("Input.imeSetComposition", { text: "", selectionStart: 0, selectionEnd: 0 });
  });

  await story("how long a suggestion takes", async () => {
    await open(page, address, "I9");
    await page.evaluate(() => performance.clearMeasures());
    const words = ["発", "右季", "悪", "頭", "糖", "高血", "胸", "腹", "咳", "倦"];
    for (const word of [...words, ...words, ...words]) {
      await page.keyboard.insertText(`${word}`);
      await page.waitForTimeout(260);
      await page.keyboard.press("Escape");
      await page.keyboard.insertText("。");
      await page.waitForTimeout(200);
    }
    const times = await page.evaluate(() => performance.getEntriesByName("tsumugi.predict").map((entry) => entry.duration));
    console.log(`      ${times.length} suggestions, asked to drawn: p50 ${percentile(times, 0.5).toFixed(1)} ms, p95 ${percentile(times, 0.95).toFixed(1)} ms`);
    assert.ok(times.length > 20, `${times.length}`);
  });

  await story("on a phone the answers are large enough to touch, and nothing is wider than the screen", async () => {
    await page.setViewportSize({ width: 360, height: 740 });
    await open(page, address, "I10");
    await page.keyboard.insertText("昨日から発熱。腹");
    await page.waitForSelector("#offers li");
    const small = () => page.evaluate(() => [...document.querySelectorAll("#offers li, .answers button, .answers input")].filter((one) => one.getBoundingClientRect().height < 44 && one.getBoundingClientRect().height > 0).map((one) => one.textContent));
    await page.waitForSelector("#missing-list .item", { timeout: 8000 });
    assert.deepEqual(await small(), []);
    const wide = () => page.evaluate(() => [...document.querySelectorAll("body *")].filter((one) => one.getBoundingClientRect().right > 361).map((one) => `${one.tagName}.${one.className}: ${one.textContent.slice(0, 30)}`));
    assert.ok((await page.evaluate(() => document.documentElement.scrollWidth)) <= 360, `wider than the screen: ${(await wide()).join("; ")}`);
    if (images) await page.screenshot({ path: join(images, "input-list-mobile.png") });
    await page.setViewportSize({ width: 1440, height: 900 });
  });
}

/** A screen in light and dark, and as a phone shows it. */
async function pictures(page, folder, name) {
  mkdirSync(folder, { recursive: true });
  for (const scheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme: scheme });
    await page.waitForTimeout(150);
    await page.screenshot({ path: join(folder, `${name}-${scheme}.png`) });
  }
  await page.emulateMedia({ colorScheme: "light" });
}
