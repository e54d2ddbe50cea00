// What must not get lost: composed phrases, and what was typed when the server or the window dies.
import assert from "node:assert/strict";
import { openNote, patient } from "./site.mjs";
import { compose, fact, textOf, toEnd } from "./steps.mjs";

const rounds = Number(process.env.TSUMUGI_UX_ROUNDS ?? 1);
/** What may be lost, in ms of typing. */
const allowed = 2000;

/** Numbers by lot, the same in every run. */
function lots(seed) {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

export async function lossStories(story, site) {
  await compositions(story, site);
  await deaths(story, site);
}

/** U12: phrases at the end, and into the middle of words that are marked, with suggestions on. */
async function compositions(story, { pages: { sato: page }, address }) {
  await story("input method: composed phrases, half of them inside marks: none lost, none doubled", async () => {
    const phrases = [["はつねつ", "発熱"], ["と", "と"], ["みぎきろくぶつう", "右季肋部痛"], ["があり", "があり"], ["、", "、"], ["がいそう", "咳嗽"], ["なし", "なし"], ["。", "。"], ["とうにょうびょう", "糖尿病"], ["で", "で"], ["つういん", "通院"], ["ちゅう", "中"], ["けつあつ", "血圧"], ["は", "は"], ["たかめ", "高め"], ["。", "。"]];
    const insides = [["こう", "高"], ["きゅうせい", "急性"], ["ひだり", "左"], ["の", "の"], ["しんど", "深度"]];
    const client = await page.context().newCDPSession(page);
    const lot = lots(7);
    const count = 110 * rounds;
    await openNote(page, address, "IME");
    let expected = "";
    let mistakes = 0;
    const check = async () => {
      const text = await textOf(page);
      if (text === expected) return;
      mistakes += 1;
      console.log(`      wanted ${expected.slice(-30)}, found ${text.slice(-30)}`);
      expected = text;
    };
    for (let at = 0; at < count; at += 1) {
      const [kana, committed] = phrases[at % phrases.length];
      await compose(client, kana, committed);
      expected += committed;
      // Sometimes at once, sometimes long enough for marks and suggestions to come.
      await page.waitForTimeout([0, 20, 60, 120][lot(4)]);
      await check();
    }
    await fact(page, "発熱");
    let inside = 0;
    const marked = () =>
      page.evaluate(() => {
        const whole = document.querySelector(".cm-content");
        return [...whole.querySelectorAll(".m")].filter((one) => one.textContent.length > 1).map((one) => {
          const range = document.createRange();
          range.setStart(whole, 0);
          range.setEnd(one, 0);
          return [range.toString().length, one.textContent.length];
        });
      });
    for (let at = 0; at < count; at += 1) {
      // Words that others were written into are no longer read: every fourth time the text is as it was.
      if (at % 4 === 0) {
        await page.keyboard.press("Control+a");
        await page.keyboard.press("Delete");
        expected = phrases.map(([, words]) => words).join("");
        await page.keyboard.insertText(expected);
        await fact(page, "発熱");
        await page.waitForFunction(() => document.querySelectorAll(".cm-content .m").length > 4);
      }
      const marks = await marked();
      const [from, length] = marks[lot(marks.length)];
      const place = from + 1 + lot(length - 1);
      inside += await caretTo(page, place);
      const [kana, committed] = insides[lot(insides.length)];
      await compose(client, kana, committed);
      expected = expected.slice(0, place) + committed + expected.slice(place);
      await page.waitForTimeout([0, 20, 60, 120][lot(4)]);
      await check();
    }
    console.log(`      ${2 * count} phrases, ${inside} of ${count} began inside a mark, ${mistakes} mistakes`);
    assert.equal(mistakes, 0);
    assert.ok(inside >= count * 0.9, `${inside} of ${count} inside marks`);
  });
}

/** Puts the caret behind so many characters of the text, as a click would; gives 1 where that is inside a mark. Marks that
 *  are painted in the same moment put it back, so that it is looked whether it has stayed. */
async function caretTo(page, place) {
  for (let round = 0; round < 20; round += 1) {
    const isInside = await page.evaluate((wanted) => {
      const walk = document.createTreeWalker(document.querySelector(".cm-content"), NodeFilter.SHOW_TEXT);
      let left = wanted;
      for (let node = walk.nextNode(); node; node = walk.nextNode()) {
        if (left <= node.length) {
          getSelection().collapse(node, left);
          return node.parentElement.closest(".m") ? 1 : 0;
        }
        left -= node.length;
      }
      return 0;
    }, place);
    await page.waitForTimeout(40);
    const now = await page.evaluate(() => {
      const range = document.createRange();
      range.setStart(document.querySelector(".cm-content"), 0);
      range.setEnd(getSelection().anchorNode, getSelection().anchorOffset);
      return range.toString().length;
    });
    if (now === place) return isInside;
  }
  throw new Error(`the caret does not stay at ${place}`);
}

/** U13: the server is killed and the window with it, or the window alone is closed or crashes, at a moment by lot. */
async function deaths(story, site) {
  const { browser, server, address, pages } = site;
  await story("deaths: server killed with the window, window closed, window crashed: at most two seconds of typing are lost", async () => {
    const lot = lots(Number(process.env.TSUMUGI_UX_SEED ?? 11));
    const worst = { kill: 0, close: 0, crash: 0 };
    const counts = { kill: 0, close: 0, crash: 0 };
    const deathsOf = [...Array.from({ length: 2 * rounds }, () => "kill"), ...Array.from({ length: 2 * rounds }, () => "close"), ...Array.from({ length: 3 * rounds }, () => "crash")];
    const state = await pages.sato.context().storageState();
    for (const [index, kind] of deathsOf.entries()) {
      const context = await browser.newContext({ locale: "ja-JP", storageState: state });
      const page = await context.newPage();
      await page.goto(`${address}/open?patient=${patient}&encounter=DEATH-${index}`);
      await page.waitForSelector(".cm-content");
      await toEnd(page);
      const until = Date.now() + 500 + lot(3000);
      const times = [];
      let typed = "";
      while (Date.now() < until) {
        const letter = String.fromCodePoint(0x3042 + (times.length % 80));
        await page.keyboard.insertText(letter);
        typed += letter;
        times.push(Date.now());
        await page.waitForTimeout(60 + lot(120));
      }
      const died = Date.now();
      if (kind === "kill") await server.kill();
      if (kind === "crash") {
        const client = await context.newCDPSession(page);
        // It never answers.
        void client.send("Page.crash").catch(() => {});
        await new Promise((resolve) => page.once("crash", resolve));
      }
      await context.close();
      if (kind === "kill") await server.start();
      const kept = await draftOf(site, state, `DEATH-${index}`);
      assert.ok(typed.startsWith(kept), `what is kept is the beginning of what was typed: ${kept} / ${typed}`);
      const lost = kept.length < typed.length ? died - times[kept.length] : 0;
      counts[kind] += 1;
      worst[kind] = Math.max(worst[kind], lost);
      assert.ok(lost <= allowed, `${kind} ${index}: ${lost} ms of typing lost (${typed.length - kept.length} characters)`);
    }
    console.log(`      longest loss: ${Object.keys(worst).map((kind) => `${kind} ${worst[kind]} ms (${counts[kind]} times)`).join(", ")}`);
  });
}

/** The text of a draft, as a fresh window without scripts shows it. */
async function draftOf({ browser, address }, state, encounter) {
  const context = await browser.newContext({ locale: "ja-JP", storageState: state, javaScriptEnabled: false });
  const page = await context.newPage();
  // What a closing window sends last may be under way.
  await page.waitForTimeout(150);
  await page.goto(`${address}/open?patient=${patient}&encounter=${encounter}`);
  const text = await page.inputValue("#text");
  await context.close();
  return text;
}
