// Stories of decision support: what is suggested and why, off and on with one key, what is learned, review by key.
import assert from "node:assert/strict";
import { toEnd } from "./steps.mjs";

const note = "S)昨日からの発熱と右季肋部痛。嘔気あり。\nO)BT39.2、Murphy徴候陽性。WBC 15000、CRP 12.5。腹部エコーで胆嚢壁肥厚、胆石あり。黄疸なし。\nA)急性胆嚢炎\nP)入院";

/** Opens a new note of the first dummy and hands back the number of that dummy. */
async function openDummy(page, address, encounter) {
  await page.goto(`${address}/`);
  const link = page.locator("section.dummies tbody tr a").first();
  await link.click();
  await page.waitForSelector(".patient-bar");
  const number = (await page.locator(".patient-bar .number").textContent()).trim().split(/\s+/).pop();
  await page.goto(`${address}/open?patient=${number}&encounter=${encounter}`);
  await page.waitForSelector(".cm-content");
  return number;
}

const suggested = (page) => page.locator("#support-body .differential .name").allTextContents();

export async function supportStories(story, page, address) {
  let number = "";
  await story("the note of a dummy suggests diagnoses with their reasons, and what to ask next", async () => {
    number = await openDummy(page, address, "S1");
    await toEnd(page);
    await page.keyboard.insertText(note);
    await page.waitForSelector("#support-body .differential li", { timeout: 8000 });
    const names = await suggested(page);
    assert.ok(names.includes("急性胆嚢炎"), names.join(" "));
    const first = page.locator("#support-body .differential li").first();
    await first.locator("summary").click();
    assert.ok((await first.locator(".why li").count()) >= 3);
    assert.ok((await first.locator(".why").textContent()).includes("%"), "a reason tells its source");
    assert.ok((await page.locator("#support-body .steps li").count()) > 0);
    assert.ok((await page.locator(".support-foot").textContent()).includes("判断"), "it says what it is");
  });

  await story("support is off with one key: nothing is asked for and nothing is sent, and it stays off", async () => {
    const frames = [];
    page.on("websocket", (socket) => {
      socket.on("framesent", (frame) => frames.push(String(frame.payload)));
      socket.on("framereceived", (frame) => frames.push(String(frame.payload)));
    });
    await page.locator(".cm-content").click();
    await page.keyboard.press("Alt+Digit0");
    await page.waitForSelector('#support[data-on="false"]');
    await page.waitForTimeout(1000);
    await page.reload();
    await page.waitForSelector('.cm-content');
    await page.waitForSelector('#support[data-on="false"]');
    await toEnd(page);
    await page.keyboard.insertText(" 腹痛あり。");
    await page.waitForTimeout(1500);
    const asked = frames.filter((frame) => frame.includes('"support"'));
    assert.deepEqual(asked, []);
    assert.equal((await page.locator("#support-body").textContent()).trim(), "");
    await page.keyboard.press("Alt+Digit0");
    await page.waitForSelector("#support-body .differential li", { timeout: 8000 });
  });

  await story("a disease's page shows its chain with this patient's states, findings with sources, and a quiz", async () => {
    await page.goto(`${address}/knowledge/acute-cholecystitis?patient=${number}`);
    assert.ok((await page.locator("svg.chain .node").count()) >= 5);
    assert.ok((await page.locator("table.findings tbody tr").count()) >= 12);
    assert.ok((await page.locator("section.quiz li").count()) > 0);
    await page.goto(`${address}/knowledge?q=${encodeURIComponent("心拍出量低下")}`);
    assert.ok((await page.locator("ul.hits li").count()) >= 3, "diseases share the mechanism");
  });

  await story("a signed diagnosis is learned at once and shown as fewer than ten", async () => {
    await page.goto(`${address}/open?patient=${number}&encounter=S1`);
    await page.waitForSelector(".cm-content");
    await toEnd(page);
    await page.keyboard.press("Control+s");
    await page.keyboard.press("Enter");
    await page.waitForURL(/signed=/, { timeout: 8000 });
    await page.goto(`${address}/knowledge/acute-cholecystitis?patient=${number}`);
    const text = await page.locator("table.findings").textContent();
    assert.ok(text.includes("10例未満"), "the case is counted, and not told exactly");
  });

  await story("sixty reports an hour are reviewed by key", async () => {
    await page.goto(`${address}/review`);
    const began = Date.now();
    await page.click(".page-head a.primary");
    const reports = 4;
    for (let report = 0; report < reports; report += 1) {
      await page.waitForSelector("#review .review-fact.now");
      const here = page.url();
      const count = await page.locator(".review-fact").count();
      for (let index = 0; index < count; index += 1) {
        await page.waitForTimeout(250);
        await page.keyboard.press(index === 1 ? "x" : "a");
      }
      await page.keyboard.press("Control+Enter");
      await page.waitForURL((url) => url.toString() !== here, { timeout: 8000 });
    }
    const perHour = (reports * 3600_000) / (Date.now() - began);
    console.log(`      ${perHour.toFixed(0)} reports an hour, a quarter of a second a fact`);
    assert.ok(perHour >= 60, `${perHour} reports an hour`);
    await page.goto(`${address}/review`);
    assert.ok((await page.locator("table.findings tbody th").first().textContent()).length > 0, "who has reviewed is kept");
  });
}
