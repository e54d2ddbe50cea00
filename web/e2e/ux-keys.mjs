// What is done with keys alone: the dummy case from signing in to signing, a wrong code, and help that is switched off.
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { caseNote, openNote, patient, writing } from "./site.mjs";
import { fact, factsOf, password, saved, textOf, toEnd } from "./steps.mjs";

/** Milliseconds between two kana of an expert: four a second. */
const kana = 250;
/** What the physician types: `[kana, what they become]`, or letters that are typed without the input method. */
const dictation = [
  "S) ", ["ろくじゅうごさいだんせい", "65歳男性"], ["。", "。"], ["きのうからの", "昨日からの"], ["はつねつ", "発熱"], ["と", "と"], ["みぎきろくぶつう", "右季肋部痛"], ["。", "。"],
  "\nO) BT39.2", ["、", "、"], "Murphy", ["ちょうこうようせい", "徴候陽性"], ["。", "。"],
  "\nA) ", ["きゅうせいたんのうえんうたがい", "急性胆嚢炎疑い"], ["。", "。"],
  "\nP) ", ["さいけつ", "採血"], ["、", "、"], ["ふくぶえこー", "腹部エコー"], ["。", "。"],
];

/** Whether what has the focus shows it: an outline, or the frame around the text. */
const focusShown = (page) =>
  page.evaluate(() => {
    const one = document.activeElement;
    if (!one || one === document.body) return { name: "body", shown: true };
    const drawn = (element) => {
      const style = getComputedStyle(element);
      return style.outlineStyle !== "none" && Number.parseFloat(style.outlineWidth) >= 2;
    };
    const frame = one.closest(".paper");
    const beside = [one.nextElementSibling, one.closest("label")].filter(Boolean);
    const box = one.getBoundingClientRect();
    const inSight = box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth;
    const shown = inSight && (drawn(one) || beside.some(drawn) || (frame !== null && getComputedStyle(frame).boxShadow !== "none"));
    return { name: `${one.tagName.toLowerCase()}.${one.className}#${one.id} ${(one.textContent ?? "").trim().slice(0, 20)}`, shown };
  });

/** Presses Tab until an element has the focus; gives how often, and collects what showed no focus on the way. */
async function tabTo(page, selector, unseen) {
  for (let count = 0; count < 80; count += 1) {
    if (await page.evaluate((wanted) => document.activeElement?.matches(wanted) ?? false, selector)) return count;
    await page.keyboard.press("Tab");
    const { name, shown } = await focusShown(page);
    if (!shown) unseen.push(name);
  }
  throw new Error(`${selector} is not reached with Tab`);
}

export async function keyStories(story, site) {
  await correcting(story, site);
  await off(story, site);
  await bare(story, site);
}

/** U4, U9, U16: from signing in to the signed note without a pointer. */
export async function dummyCase(story, { browser, address }) {
  await story("keys: the dummy case with the keyboard alone, typed at four kana a second", async () => {
    const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, locale: "ja-JP" });
    const page = await context.newPage();
    // A pointer that acts would be a mistake of this story.
    await page.addInitScript(() => addEventListener("pointerdown", () => (globalThis.__pointed = true), true));
    const client = await context.newCDPSession(page);
    const unseen = [];
    await page.goto(`${address}/sign-in`);
    await tabTo(page, "#user", unseen);
    await page.keyboard.type("sato");
    await tabTo(page, "#password", unseen);
    await page.keyboard.type(password);
    await page.keyboard.press("Enter");
    await page.waitForURL(`${address}/`);
    await tabTo(page, "#q", unseen);
    await page.keyboard.type(patient);
    await page.keyboard.press("Enter");
    await page.waitForURL(/q=/);
    await tabTo(page, `a[href="/open?patient=${patient}"]`, unseen);
    await page.keyboard.press("Enter");
    await page.waitForSelector(".cm-content");
    await page.waitForFunction(() => document.activeElement?.classList.contains("cm-content"));
    const began = Date.now();
    let keys = 0;
    const press = async (key) => {
      keys += 1;
      await page.keyboard.press(key);
      await page.waitForTimeout(kana);
    };
    for (const part of dictation) {
      if (typeof part === "string") for (const letter of part) await press(letter === "\n" ? "Enter" : letter === " " ? "Space" : letter);
      else keys += await composeSlowly(page, client, part);
    }
    const typed = await textOf(page);
    for (const part of dictation) assert.ok(typed.includes(typeof part === "string" ? part.trim() : part[1]), `${part} is in ${typed}`);
    // What is missing: a key to the row, then a key an item; an item is left open with the key of what is unknown.
    await page.waitForSelector("#missing-list .item");
    const before = (await factsOf(page)).length;
    const costs = [];
    const answered = async (ask) => {
      const isNumber = await page.locator(`#missing-list [data-key="${ask}"] input`).count();
      const spent = keys;
      if (isNumber) await press("-");
      else await press("1");
      await page.waitForFunction((gone) => ![...document.querySelectorAll("#missing-list .ask")].some((one) => one.dataset.key === gone), ask);
      return keys - spent;
    };
    await press("Alt+1");
    for (let item = 0; item < 3; item += 1) {
      const ask = await page.evaluate(() => document.activeElement?.closest(".ask")?.dataset.key ?? null);
      if (ask === null) {
        await press("Alt+1");
        item -= 1;
        if (keys > 400) throw new Error("the items are not reached");
        continue;
      }
      costs.push((await answered(ask)) + (item === 0 ? 1 : 0));
    }
    await press("Escape");
    assert.ok(await page.evaluate(() => document.activeElement?.classList.contains("cm-content")), "back in the text");
    await press("Control+s");
    await page.waitForSelector("dialog.ask-sign[open]");
    const atSign = await focusShown(page);
    if (!atSign.shown) unseen.push(atSign.name);
    const after = (await factsOf(page)).length;
    await press("Control+s");
    await page.waitForURL(/signed=/);
    const seconds = (Date.now() - began) / 1000;
    const read = Array.from({ length: before }, () => 0);
    const all = [...read, ...costs].sort((a, b) => a - b);
    console.log(`      ${seconds.toFixed(1)} s and ${keys} keys from the open note to the signed one; ${after} facts, ${before} of them from the text alone`);
    console.log(`      keys an item of structure: median ${all[Math.floor(all.length / 2)]}, most ${all.at(-1)} (${all.length} items)`);
    assert.ok(seconds <= 90, `${seconds} s`);
    assert.ok(all[Math.floor(all.length / 2)] <= 1 && all.at(-1) <= 3);
    // Every stop of the note screen shows where one is, and F6 goes round its regions.
    await page.goto(`${address}/open?patient=${patient}&encounter=KEYS`);
    await page.waitForSelector(".cm-content");
    await page.keyboard.insertText(caseNote);
    await page.waitForSelector("#missing-list .item");
    await page.waitForSelector("#support-body .support-part");
    const regions = new Set();
    for (let step = 0; step < 7; step += 1) {
      await page.keyboard.press("F6");
      const { name, shown } = await focusShown(page);
      if (!shown) unseen.push(`F6: ${name}`);
      regions.add(await page.evaluate(() => document.activeElement?.closest("section, aside")?.id ?? ""));
    }
    for (const region of ["editor", "open-items", "facts", "missing", "support", "previous"]) assert.ok(regions.has(region), `F6 reaches ${region}: ${[...regions]}`);
    let stops = 0;
    await page.keyboard.press("Shift+F6");
    for (let count = 0; count < 200; count += 1) {
      await page.keyboard.press("Tab");
      const { name, shown } = await focusShown(page);
      if (name === "body") break;
      stops += 1;
      if (!shown) unseen.push(`Tab: ${name}`);
    }
    console.log(`      ${regions.size} regions by F6, ${stops} stops by Tab until the end of the page; without a visible focus: ${unseen.length}`);
    assert.ok(stops < 200, "Tab leaves the page");
    assert.deepEqual(unseen, []);
    assert.equal(await page.evaluate(() => globalThis.__pointed ?? false), false);
    await context.close();
  });
}

/** A phrase at the speed of an expert: each kana, the key that converts, the key that commits; gives the keys. */
async function composeSlowly(page, client, [reading, committed]) {
  for (let length = 1; length <= reading.length; length += 1) {
    await client.send("Input.imeSetComposition", { text: reading.slice(0, length), selectionStart: length, selectionEnd: length });
    await page.waitForTimeout(kana);
  }
  const isKana = reading === committed;
  if (!isKana) {
    await client.send("Input.imeSetComposition", { text: committed, selectionStart: committed.length, selectionEnd: committed.length });
    await page.waitForTimeout(kana);
  }
  await client.send("Input.insertText", { text: committed });
  await page.waitForTimeout(kana);
  return reading.length + (isKana ? 1 : 2);
}

/** U7: every highlighted place, and the keys until another code can be chosen. */
async function correcting(story, { pages: { sato: page }, address }) {
  await story("keys: a wrong code is corrected with two keys at every mark", async () => {
    await writing(page, address, "WRONG");
    await page.keyboard.press("Control+Home");
    // The places of the marks, in the order of the text.
    const places = await page.evaluate(() => {
      const list = [];
      for (const mark of document.querySelectorAll(".cm-content .m")) {
        const range = document.createRange();
        range.setStart(document.querySelector(".cm-content"), 0);
        range.setEnd(mark, 0);
        const lines = [...document.querySelectorAll(".cm-line")].indexOf(mark.closest(".cm-line"));
        list.push({ at: range.toString().length + lines + 1, words: mark.textContent, unread: mark.classList.contains("unread") });
      }
      return list;
    });
    const failed = [];
    let [now, codes, phrases] = [0, 0, 0];
    for (const place of places) {
      for (; now < place.at; now += 1) await page.keyboard.press("ArrowRight");
      if (place.unread) {
        phrases += 1;
        const reached = await page.waitForFunction((words) => document.querySelector("#open-list .phrase.active .quote")?.textContent === words, place.words, { timeout: 2000 }).catch(() => null);
        if (!reached) failed.push(`${place.words}: not the phrase that the keys settle`);
        continue;
      }
      codes += 1;
      await page.keyboard.press("Alt+Enter");
      const list = await page.waitForSelector(".chooser .candidates li", { timeout: 2000 }).catch(() => null);
      if (!list) failed.push(`${place.words}: no list`);
      else if ((await page.locator(".chooser .candidates li").count()) < 2) failed.push(`${place.words}: nothing but "no fact" to choose`);
      if (list) await page.keyboard.press("Escape");
      else await page.locator(".cm-content").focus();
    }
    console.log(`      ${codes} marks with a code: Alt+Enter and a digit, ${phrases} phrases that were not read: one key; not so: ${failed.length} ${failed.join("; ")}`);
    assert.ok(codes >= 15 && phrases >= 1, `${codes} marks, ${phrases} phrases`);
    // One of them for good: two keys change the fact.
    const before = (await factsOf(page)).join();
    await toEnd(page);
    await page.keyboard.insertText("\n咽頭痛あり。");
    await fact(page, "咽頭痛");
    for (let step = 0; step < 4; step += 1) await page.keyboard.press("ArrowLeft");
    await page.keyboard.press("Alt+Enter");
    await page.keyboard.press("0");
    await page.waitForFunction((names) => [...document.querySelectorAll("#facts-list .fact-name")].map((one) => one.textContent).join() === names, before, { timeout: 6000 });
    assert.deepEqual(failed, []);
  });
}

/** U8: off is off: no question to the knowledge, the templates or the prediction, nothing on the screen, and a trace of it. */
async function off(story, { pages: { sato: page }, address, server }) {
  await story("off: with all support off nothing is asked for and nothing is shown, and the trail tells who switched it", async () => {
    const [sent, heard] = [[], []];
    page.on("websocket", (socket) => {
      socket.on("framesent", (frame) => sent.push(JSON.parse(String(frame.payload))));
      socket.on("framereceived", (frame) => heard.push(JSON.parse(String(frame.payload))));
    });
    await openNote(page, address, "OFF");
    await page.keyboard.press("Alt+Digit0");
    await page.waitForSelector('#support[data-on="false"]');
    await page.waitForTimeout(600);
    sent.length = 0;
    heard.length = 0;
    await page.keyboard.insertText(caseNote);
    await fact(page, "発熱");
    await page.keyboard.insertText("\n腹");
    await page.waitForTimeout(1500);
    await page.keyboard.press("Control+Space");
    await page.waitForTimeout(600);
    await saved(page);
    const kinds = (list) => [...new Set(list.map((frame) => frame.type))].sort();
    console.log(`      sent: ${kinds(sent).join(", ")}; heard: ${kinds(heard).join(", ")}`);
    // The text goes to be read and to be kept, and nowhere else.
    assert.deepEqual(kinds(sent), ["edit", "save"]);
    assert.deepEqual(kinds(heard), ["feedback", "saved"]);
    assert.equal((await page.locator("#support-body").textContent()).trim(), "");
    for (const part of ["#missing", "#offers", ".foretold"]) assert.equal(await page.locator(part).isVisible(), false, part);
    await page.keyboard.press("Alt+Digit0");
    await page.waitForSelector("#support-body .support-part", { timeout: 8000 });
    const stored = readdirSync(server.data).filter((name) => name.startsWith("tsumugi.sqlite3")).map((name) => readFileSync(join(server.data, name)));
    for (const words of ["support-switch all: off", "support-switch all: on"]) assert.ok(stored.some((bytes) => bytes.includes(Buffer.from(words).toString("base64"))), `the audit trail holds "${words}"`);
  });
}

/** U14: a snippet in which nothing is chosen leaves no word in the note. */
async function bare(story, { pages: { sato: page } }) {
  await story("bare: no snippet leaves a word that nobody chose", async () => {
    const entry = new URL("../src/snippet.ts", import.meta.url).pathname;
    const { outputFiles } = await build({ entryPoints: [entry], bundle: true, write: false, format: "iife", globalName: "snippetIsland" });
    await page.evaluate(outputFiles[0].text.replace("var snippetIsland", "globalThis.snippetIsland"));
    const rows = readFileSync(new URL("../../data/prediction/snippets.tsv", import.meta.url), "utf8").split("\n").slice(1).filter((row) => row !== "" && !row.startsWith("#"));
    const bodies = rows.map((row) => row.split("\t")[3]);
    const left = await page.evaluate((list) => {
      const parts = (body) => body.split(/(\{[^}]*\})/).filter((part) => part !== "").map((part) => (part.startsWith("{") ? { slot: part.slice(1, -1).split("|") } : { text: part }));
      const chosen = list.filter((body) => globalThis.snippetIsland.filled(parts(body), parts(body).filter((part) => "slot" in part).map((part) => part.slot.find((choice) => !choice.includes("_")) ?? "")) !== "");
      return { words: list.map((body) => globalThis.snippetIsland.filled(parts(body), [])).filter((text) => text !== ""), chosen: chosen.length };
    }, bodies);
    console.log(`      ${bodies.length} snippets: ${left.words.length} leave a word where nothing is chosen, ${left.chosen} write something where the first choices are taken`);
    assert.deepEqual(left.words, []);
    assert.ok(bodies.length >= 50 && left.chosen >= bodies.length / 2);
  });
}
