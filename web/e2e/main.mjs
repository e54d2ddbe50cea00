// Drives the built binary in a headless browser through what a physician does, and looks whether anything gets lost.
// node web/e2e/main.mjs --binary PATH --chromium PATH [--images FOLDER] [--only access|input|proxy|smart|oidc|consent|timeline|ux|xss|load|screens]
import assert from "node:assert/strict";
import { parseArgs } from "node:util";
import { chromium } from "playwright-core";
import { compose, createPatient, fact, factsOf, introduce, percentile, saved, textOf, toEnd } from "./steps.mjs";
import { Server, freePort } from "./server.mjs";
import { accessStories } from "./access.mjs";
import { supportStories } from "./support.mjs";
import { inputStories } from "./input.mjs";
import { proxyStories } from "./proxy.mjs";
import { textStories } from "./texts.mjs";
import { xssStories } from "./xss.mjs";
import { smartStories } from "./smart.mjs";
import { oidcStories } from "./oidc.mjs";
import { loadStories } from "./load.mjs";
import { consentStories } from "./consent.mjs";
import { timelineStories } from "./timeline.mjs";
import { uxStories } from "./ux.mjs";
import { screenStories } from "./screens.mjs";

const { values: options } = parseArgs({
  options: { binary: { type: "string" }, chromium: { type: "string" }, images: { type: "string" }, only: { type: "string" } },
});
const flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-quic", "--no-first-run"];
const note = "65歳男性。昨日からの発熱と右季肋部痛。BT39.2、Murphy徴候陽性。咳嗽、呼吸困難なし。母が糖尿病。";
const number = "E2E-001";

const server = new Server(options.binary, await freePort());
const browser = await chromium.launch({ executablePath: options.chromium, headless: true, args: flags });
const newContext = () => browser.newContext({ viewport: { width: 1440, height: 900 }, locale: "ja-JP", permissions: ["clipboard-read", "clipboard-write"] });
let failed = 0;

async function story(name, work) {
  const began = Date.now();
  try {
    await work();
    console.log(`ok    ${name} (${Date.now() - began} ms)`);
  } catch (error) {
    failed += 1;
    console.error(`FAIL  ${name}\n${error.stack ?? error}`);
  }
}

const sets = { access: accessStories, input: inputAlone, proxy: proxyStories, smart: smartStories, oidc: oidcStories, consent: consentStories, timeline: timelineStories, ux: uxStories, xss: xssStories, load: loadStories, screens: screenStories };
if (options.only) {
  const set = sets[options.only];
  if (set) await set(story, { browser, binary: options.binary, images: options.images });
  else console.error(`--only ${options.only}: one of ${Object.keys(sets).join(", ")} is wanted`);
  await browser.close();
  await server.end();
  process.exit(set && failed === 0 ? 0 : 1);
}

const accounts = {
  hanako: server.addUser("hanako", "試験 花子", "physician", "internal"),
  jiro: server.addUser("jiro", "訂正 次郎", "physician", "internal"),
  ichiro: server.addUser("ichiro", "紙派 一郎", "physician", "internal"),
};

try {
  await accessStories(story, { browser, binary: options.binary, images: options.images });
  await proxyStories(story, { browser, binary: options.binary });
  await smartStories(story, { browser, binary: options.binary });
  await oidcStories(story, { browser, binary: options.binary });
  await consentStories(story, { browser, binary: options.binary, images: options.images });
  await timelineStories(story, { browser, binary: options.binary, events: 4_000 });
  await uxStories(story, { browser, binary: options.binary });
  console.log(`started with dummies in ${await server.start()} ms`);
  const context = await newContext();
  const page = await context.newPage();
  const complaints = [];
  const watch = (one) => {
    one.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
    one.on("pageerror", (error) => complaints.push(String(error)));
    one.on("request", (request) => request.url().startsWith(server.address) || request.url().startsWith("data:") || complaints.push(`foreign request ${request.url()}`));
  };
  watch(page);
  const open = async (one = page) => {
    await one.goto(`${server.address}/open?patient=${number}&encounter=V1`);
    await one.waitForSelector(".cm-content");
  };

  await story("who has an account signs in, once", async () => {
    await introduce(page, server.address, "hanako", accounts.hanako);
    await page.goto(`${server.address}/`);
    assert.equal(await page.locator("#password").count(), 0);
    assert.equal(server.firstRun, null, "with an account there is no link of the first run");
    assert.equal(await page.locator("section.dummies tbody tr").count(), 30);
    assert.equal(await page.locator("section.dummies tbody .dummy").count(), 30, "each dummy is marked");
  });

  await story("a patient is created", () => createPatient(page, server.address, { number, name: "検証 太郎", kana: "けんしょう たろう", birth: "1961-02-03" }));

  await story("composed phrases are neither lost nor doubled, inside highlights too", async () => {
    await open();
    const client = await context.newCDPSession(page);
    await toEnd(page);
    const phrases = [["はつねつ", "発熱"], ["と", "と"], ["みぎきろくぶつう", "右季肋部痛"], ["があり", "があり"], ["、", "、"], ["がいそう", "咳嗽"], ["なし", "なし"], ["。", "。"], ["とうにょうびょう", "糖尿病"], ["で", "で"], ["つういん", "通院"], ["ちゅう", "中"]];
    let expected = "";
    for (const [kana, committed] of [...phrases, ...phrases]) {
      await compose(client, kana, committed);
      expected += committed;
      await page.waitForTimeout(30);
    }
    assert.equal(await textOf(page), expected);
    await fact(page, "発熱");
    // Into the middle of a highlighted word: 発|熱, four times.
    for (let round = 0; round < 4; round += 1) {
      await page.keyboard.press("Control+Home");
      await page.keyboard.press("ArrowRight");
      await compose(client, "こう", "高");
      expected = `${expected.slice(0, 1)}高${expected.slice(1)}`;
      await page.waitForTimeout(60);
      assert.equal(await textOf(page), expected);
    }
    // A composition that is given up leaves nothing behind.
    await client.send("Input.imeSetComposition", { text: "けが", selectionStart: 2, selectionEnd: 2 });
    await client.send("Input.imeSetComposition", { text: "", selectionStart: 0, selectionEnd: 0 });
    await page.waitForTimeout(60);
    assert.equal(await textOf(page), expected);
    await page.keyboard.press("Control+a");
    await page.keyboard.press("Delete");
    await page.waitForTimeout(900);
  });

  await story("the note of the story is understood", async () => {
    await toEnd(page);
    await page.keyboard.insertText(note);
    for (const words of ["発熱", "右季肋部痛", "咳", "呼吸困難", "糖尿病"]) await fact(page, words);
    const facts = await factsOf(page);
    const has = (sign, words) => facts.some((name) => name.startsWith(sign) && name.includes(words));
    assert.ok(facts.some((name) => name.includes("発熱") && !name.startsWith("(−)")), `fever: ${facts}`);
    assert.ok(has("(−)", "咳"), `cough is denied: ${facts}`);
    assert.ok(has("(−)", "呼吸困難"), `dyspnoea is denied: ${facts}`);
    assert.ok(facts.some((name) => name.includes("39.2")), `the temperature is a value: ${facts}`);
    const diabetes = page.locator("#facts-list .fact", { hasText: "糖尿病" }).first();
    assert.ok((await diabetes.textContent()).includes("母"), "diabetes is the mother's");
    const marks = await page.locator(".cm-content .m").count();
    assert.ok(marks >= 6, `${marks} marks`);
    assert.equal(await textOf(page), note);
  });

  await story("an unread phrase is settled with one key and stays settled", async () => {
    await toEnd(page);
    await page.keyboard.insertText("\n昨夜から謎風胸痛炎。");
    await page.waitForSelector("#open-list .phrase", { timeout: 6000 });
    const phrase = await page.locator("#open-list .phrase.active .quote").first().textContent();
    assert.ok(await page.locator(".cm-content .m.unread").count(), "it is marked in the text");
    // The caret behind the phrase: elsewhere the digits go to the missing items.
    await page.keyboard.press("ArrowLeft");
    const before = (await factsOf(page)).length;
    const hasCandidates = (await page.locator("#open-list .phrase.active .candidates li").count()) > 0;
    await page.keyboard.press(hasCandidates ? "Alt+1" : "Alt+n");
    await page.waitForFunction((text) => ![...document.querySelectorAll("#open-list .phrase .quote")].some((one) => one.textContent === text), phrase);
    if (hasCandidates) assert.ok((await factsOf(page)).length >= before);
    await saved(page);
    await page.reload();
    await page.waitForSelector(".cm-content");
    await fact(page, "発熱");
    await page.waitForTimeout(300);
    const left = await page.locator("#open-list .phrase .quote").allTextContents();
    assert.ok(!left.includes(phrase), `still unread: ${left}`);
  });

  await story("a code is corrected with two keys and remembered", async () => {
    // What this author teaches is remembered for this author only.
    const theirs = await newContext();
    const page = await theirs.newPage();
    watch(page);
    await introduce(page, server.address, "jiro", accounts.jiro);
    await page.goto(`${server.address}/open?patient=${number}&encounter=V9`);
    await page.waitForSelector(".cm-content");
    await toEnd(page);
    await page.keyboard.insertText(note);
    await fact(page, "右季肋部痛");
    await page.locator(".cm-content").click();
    await page.keyboard.press("Control+Home");
    const at = note.indexOf("右季肋部痛") + 1;
    for (let step = 0; step < at; step += 1) await page.keyboard.press("ArrowRight");
    const before = await factsOf(page);
    await page.keyboard.press("Alt+Enter");
    await page.keyboard.press("2");
    await page.waitForFunction((text) => [...document.querySelectorAll("#facts-list .fact-name")].map((one) => one.textContent).join() !== text, before.join(), { timeout: 6000 });
    const after = await factsOf(page);
    await saved(page);
    await page.reload();
    await page.waitForSelector(".cm-content");
    await page.waitForTimeout(600);
    assert.deepEqual(await factsOf(page), after, "the correction is remembered");
    assert.ok(await page.evaluate(() => document.querySelector(".cm-content") === document.activeElement), "the caret is back in the text");
    await theirs.close();
  });

  await story("F6 goes round the regions, and the reasons of a fact can be read", async () => {
    await page.keyboard.press("F6");
    const region = () => page.evaluate(() => document.activeElement?.closest("section, aside")?.id ?? "");
    const seen = new Set([await region()]);
    for (let step = 0; step < 4; step += 1) {
      await page.keyboard.press("F6");
      seen.add(await region());
    }
    assert.ok(seen.has("facts") && seen.has("previous") && seen.has("editor"), [...seen].join());
    const first = page.locator("#facts-list details", { hasText: "39.2" }).first();
    await first.locator("summary").click();
    assert.ok((await first.locator(".why .quote").allTextContents()).join("").includes("39.2"));
    assert.ok((await first.locator(".why code").count()) > 0);
  });

  await story("the text is copied with one key", async () => {
    await toEnd(page);
    await page.keyboard.press("Control+Shift+C");
    await page.waitForSelector("#copy[data-done]");
    assert.ok((await page.evaluate(() => navigator.clipboard.readText())).startsWith(note));
  });

  await story("two windows on one note: both texts stay", async () => {
    const other = await context.newPage();
    watch(other);
    await open(other);
    await other.waitForTimeout(300);
    await toEnd(page);
    await page.keyboard.insertText("\n窓一の追加。");
    await saved(page);
    await toEnd(other);
    await other.keyboard.insertText("\n窓二の追加。");
    await other.waitForSelector(".conflict:not([hidden])", { timeout: 6000 });
    assert.ok((await other.locator(".conflict pre").textContent()).includes("窓一の追加。"));
    assert.ok((await textOf(other)).includes("窓二の追加。"));
    await other.locator(".conflict button").nth(2).click();
    await saved(other);
    const both = await textOf(other);
    assert.ok(both.includes("窓一の追加。") && both.includes("窓二の追加。"));
    await other.goto(`${server.address}/drafts?patient=${number}&encounter=V1`);
    const log = await other.locator("ol.log").textContent();
    assert.ok(log.includes("窓一の追加。") && log.includes("窓二の追加。"));
    await other.close();
    await open();
    await page.waitForTimeout(300);
    await page.keyboard.press("Control+a");
    await page.keyboard.insertText(`${note}\n`);
    await saved(page);
  });

  await story("the server is killed while one types: the text is in the window and in the draft", async () => {
    await toEnd(page);
    await page.keyboard.insertText("O) 腹部平坦軟。");
    await saved(page);
    await server.kill();
    await page.keyboard.insertText("右季肋部に圧痛あり。");
    await page.waitForSelector('#saved[data-state="offline-dirty"]', { timeout: 6000 });
    await server.start();
    await page.waitForSelector('#saved[data-state="saved"]', { timeout: 12000 });
    const fresh = await context.newPage();
    await open(fresh);
    assert.ok((await textOf(fresh)).includes("O) 腹部平坦軟。右季肋部に圧痛あり。"));
    await fresh.close();
  });

  await story("a window that is closed loses nothing that is two seconds old", async () => {
    const other = await context.newPage();
    await other.goto(`${server.address}/open?patient=${number}&encounter=V2`);
    await other.waitForSelector(".cm-content");
    await toEnd(other);
    await other.keyboard.insertText("閉じる前の一文。");
    await other.waitForTimeout(2000);
    await other.close();
    const again = await context.newPage();
    await again.goto(`${server.address}/open?patient=${number}&encounter=V2`);
    await again.waitForSelector(".cm-content");
    assert.equal(await textOf(again), "閉じる前の一文。");
    await again.close();
  });

  await story("the note is signed, and the timeline shows its facts", async () => {
    await toEnd(page);
    await page.keyboard.press("Control+s");
    await page.waitForSelector("dialog.ask-sign[open]");
    await page.keyboard.press("Enter");
    await page.waitForURL(/\/patients\/\d+\?signed=/);
    await page.waitForSelector('#lanes[data-state="ready"]');
    await page.waitForSelector(".lanes-labels .lane");
    const labels = (await page.locator(".lanes-labels .lane .name").allTextContents()).join(" ");
    assert.ok(labels.includes("発熱"), labels);
    assert.ok(!labels.includes("咳"), "what is denied stands behind the line that counts it");
    await page.locator(".lanes-table > summary").click();
    await page.locator(".lanes-table button", { hasText: "発熱" }).first().click();
    await page.locator(".lanes-one a").first().click();
    await page.waitForURL(/\/documents\/\d+\?fact=/);
    assert.ok(await page.locator("#lit").isVisible(), "the words of the fact stand out");
  });

  await story("a signed note is added to, and both versions stay", async () => {
    await page.goto(`${server.address}/`);
    await page.locator("section.patients tbody a", { hasText: "検証 太郎" }).click();
    await page.locator(".notes a").first().click();
    await page.locator('a[href*="addendum="]').click();
    await page.waitForSelector(".cm-content");
    await page.locator(".cm-content").click();
    await page.keyboard.insertText("造影CTで胆嚢壁肥厚あり。");
    await page.waitForTimeout(300);
    await page.keyboard.press("Control+s");
    await page.keyboard.press("Control+s");
    await page.waitForURL(/signed=/);
    await page.locator(".notes a").first().click();
    const text = await page.locator("#note-text").textContent();
    assert.ok(text.startsWith(note) && text.includes("造影CTで胆嚢壁肥厚あり。"));
    assert.equal(await page.locator(".versions li").count(), 2);
  });

  await story("a question finds the patient, and among dummies the one whose note says 熱発", async () => {
    await page.goto(`${server.address}/search`);
    await page.fill("#q", "発熱がある患者");
    await page.keyboard.press("Enter");
    await page.waitForSelector(".found");
    const result = await page.locator(".results").textContent();
    assert.ok(result.includes("検証 太郎"), result);
    assert.ok(result.includes("BT39.2") || result.includes("発熱"), "the words of the note are shown");
    assert.equal(await page.locator(".results .dummy").count(), 0, "dummies are apart");
    const file = await page.request.get(await page.locator('a[href^="/search.csv"]').getAttribute("href").then((path) => server.address + path));
    assert.match(await file.text(), /^patient_id,population,hits,first,last,unconfirmed\r\nE2E-001,real,/);
    await page.goto(`${server.address}/search?q=${encodeURIComponent("発熱がある患者")}&population=dummy`);
    const dummies = await page.locator(".results").textContent();
    assert.ok(dummies.includes("熱発"), "a dummy's 熱発 is found");
    assert.ok(!dummies.includes("検証 太郎"));
  });

  await story("the type of a diabetes is answered with one key, and stays answered", async () => {
    await page.goto(`${server.address}/open?patient=${number}&encounter=V3`);
    await page.waitForSelector(".cm-content");
    await toEnd(page);
    await page.keyboard.insertText("糖尿病で通院中。母が糖尿病。");
    await page.waitForSelector("#open-list .question");
    await page.keyboard.press("Alt+Shift+2");
    await page.waitForFunction(() => document.querySelectorAll("#open-list .question").length === 0);
    const typed = async () => {
      const facts = await page.locator("#facts-list .fact").allTextContents();
      assert.ok(facts.some((fact) => fact.includes("2型糖尿病") && !fact.includes("母")), facts.join());
      assert.ok(facts.some((fact) => !fact.includes("2型") && fact.includes("母")), facts.join());
    };
    await typed();
    await saved(page);
    await page.reload();
    await page.waitForSelector(".cm-content");
    await page.waitForTimeout(500);
    await typed();
  });

  await story("names are completed by kana", async () => {
    await page.goto(`${server.address}/search`);
    await page.locator("#q").pressSequentially("たんのうえん");
    await page.waitForSelector("#names li");
    assert.ok((await page.locator("#names").textContent()).includes("胆嚢炎"));
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    await page.waitForURL(/concept=/);
  });

  await story("without scripts a note is written, saved and signed as a form", async () => {
    const plain = await browser.newContext({ javaScriptEnabled: false, locale: "ja-JP" });
    const form = await plain.newPage();
    await introduce(form, server.address, "ichiro", accounts.ichiro);
    await form.goto(`${server.address}/open?patient=${number}`);
    await form.fill("#text", "38.5度の発熱。");
    await form.click('button[value="save"]');
    assert.equal(await form.inputValue("#text"), "38.5度の発熱。");
    assert.ok((await form.locator("#facts-list").textContent()).includes("発熱"));
    await form.click('button[value="sign"]');
    await form.waitForURL(/signed=/);
    await plain.close();
  });

  await story("key press to highlight in a long note", async () => {
    await page.goto(`${server.address}/open?patient=D001&encounter=LONG`);
    await page.waitForSelector(".cm-content");
    await toEnd(page);
    await page.keyboard.insertText(`${note}\n`.repeat(28));
    await fact(page, "発熱");
    await page.waitForTimeout(1200);
    await page.evaluate(() => performance.clearMeasures());
    for (const text of "咳あり。熱発なし。頭痛あり。悪寒なし。BT38.4。嘔吐あり。下痢なし。腹痛あり。") {
      await page.keyboard.insertText(text);
      await page.waitForTimeout(120);
    }
    const times = await page.evaluate(() => performance.getEntriesByName("tsumugi.highlight").map((entry) => entry.duration));
    const length = (await textOf(page)).length;
    console.log(`      ${length} characters, ${times.length} keys: p50 ${percentile(times, 0.5).toFixed(1)} ms, p95 ${percentile(times, 0.95).toFixed(1)} ms`);
    assert.ok(times.length > 10);
  });

  await supportStories(story, page, server.address);
  await inputStories(story, page, server.address, options.images);
  await textStories(story, page, server.address);

  await story("nothing foreign was asked for, and the browser has no complaints", async () => {
    const own = complaints.filter((text) => !/WebSocket connection|ERR_CONNECTION|status of 404/.test(text));
    assert.deepEqual(own, []);
  });
} finally {
  await browser.close();
  await server.end();
}
process.exit(failed === 0 ? 0 : 1);

/** The stories of typing alone, on a server of their own. */
async function inputAlone() {
  const user = server.addUser("hanako", "試験 花子", "physician", "internal");
  await server.start();
  const page = await (await newContext()).newPage();
  await introduce(page, server.address, "hanako", user);
  await inputStories(story, page, server.address, options.images);
}
