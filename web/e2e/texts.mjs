// Stories of texts that become knowledge: an insert is pasted, a contraindication accepted, the check of a prescription
// names it, and when it is taken back the alert is gone.
import assert from "node:assert/strict";
import { saved, toEnd } from "./steps.mjs";

const insert = "アムロジピンベシル酸塩錠\n2. 禁忌(次の患者には投与しないこと)\n2.1 片頭痛の患者\n2.2 妊婦又は妊娠している可能性のある女性\n11.1 重大な副作用\n11.1.1 横紋筋融解症(頻度不明)\n";
const title = "試験用の添付文書";
const note = "S)片頭痛あり。\nP)アムロジピン錠5mg 1日1回朝食後を開始";

/** The alerts that the note of a dummy shows on its prescription. */
async function alerts(page, address, encounter) {
  await page.goto(`${address}/open?patient=D001&encounter=${encounter}`);
  await page.waitForSelector(".cm-content");
  if (!(await page.locator(".cm-content").textContent()).includes("片頭痛")) {
    await toEnd(page);
    await page.keyboard.insertText(note);
    await saved(page);
  }
  await page.waitForSelector("#support-body .support-part li", { timeout: 8000 });
  await page.waitForTimeout(300);
  return page.locator("#support-body .alert").allTextContents();
}

/** Reads a text under a title. */
async function give(page, address, text, fields) {
  await page.goto(`${address}/knowledge/read`);
  await page.fill("#text", text);
  for (const [name, value] of Object.entries(fields)) await page.fill(`#give input[name="${name}"]`, value);
  await page.locator("#text").press("Control+Enter");
  await page.waitForSelector("#statements");
}

export async function textStories(story, page, address) {
  await story("an insert is pasted, a contraindication accepted by key, and the check of a prescription names it", async () => {
    const before = await alerts(page, address, "T1");
    assert.ok(!before.some((alert) => alert.includes("片頭痛")), before.join());
    await give(page, address, insert, { title, edition: "第1版" });
    const proposals = page.locator(".proposal");
    assert.ok((await proposals.count()) >= 3, `${await proposals.count()} proposals`);
    assert.ok((await page.locator("#note-text mark").count()) >= 3, "their places are marked in the text");
    const wanted = proposals.filter({ hasText: "片頭痛" });
    await wanted.focus();
    assert.ok((await page.locator("#note-text mark.lit").textContent()).includes("片頭痛"));
    await page.keyboard.press("a");
    assert.equal(await wanted.locator('input[value="accept"]').isChecked(), true);
    const other = proposals.filter({ hasText: "横紋筋融解症" });
    await other.focus();
    await page.keyboard.press("x");
    await page.keyboard.press("Control+Enter");
    await page.waitForSelector("p.notice");
    assert.ok((await proposals.filter({ hasText: "片頭痛" }).textContent()).includes("既に知られています"));
    assert.ok((await proposals.filter({ hasText: "横紋筋融解症" }).textContent()).includes("退けた"));
    const told = (await alerts(page, address, "T1")).filter((alert) => alert.includes("片頭痛"));
    assert.equal(told.length, 1, told.join());
    assert.ok(told[0].includes(title), `the alert names its source: ${told[0]}`);
  });

  await story("a proposal is corrected by the search of terms, and what is wrong is told where it stands", async () => {
    await give(page, address, "アムロジピン\n2. 禁忌\n2.1 頭痛の患者\n", { title, edition: "第2版" });
    await page.locator(".proposal").first().focus();
    await page.keyboard.press("e");
    const condition = page.locator('.proposal.now input[name$="-condition"][data-names]');
    await condition.fill("まったく知られていない言葉");
    await page.keyboard.press("Enter");
    await page.keyboard.press("Control+Enter");
    await page.waitForSelector("p.mistake");
    assert.ok((await page.locator(".proposal p.mistake").textContent()).includes("まったく知られていない言葉"));
    await page.locator(".proposal").first().focus();
    await page.keyboard.press("e");
    await condition.fill("");
    await condition.pressSequentially("しっしん");
    await page.waitForSelector('.proposal.now ul.names li');
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    const chosen = await condition.inputValue();
    await page.keyboard.press("Control+Enter");
    await page.waitForSelector("p.notice");
    assert.ok((await page.locator(".proposal.settled").first().textContent()).includes("直して受け入れた"));
    await page.goto(`${address}/knowledge/read`);
    const newest = await page.locator("#accepted .statement").first().textContent();
    assert.ok(newest.includes(chosen) && newest.includes("試験"), newest);
  });

  await story("a text that recommends nothing says so", async () => {
    await give(page, address, "この章では疫学の背景を述べる。", { title: "試験用のガイドライン" });
    assert.equal(await page.locator(".proposal").count(), 0);
    assert.ok((await page.locator(".side .notice").textContent()).length > 20);
  });

  await story("what was accepted is taken back, and its alert is gone", async () => {
    await page.goto(`${address}/knowledge/read`);
    for (const left of [1, 0]) {
      await page.locator("#accepted .statement form button").first().click();
      await page.waitForFunction((count) => document.querySelectorAll("#accepted .statement").length === count, left);
    }
    await page.locator("section details summary").last().click();
    assert.ok((await page.locator(".statement .verdict").allTextContents()).some((verdict) => verdict.includes("取り消した")));
    const after = await alerts(page, address, "T1");
    assert.ok(!after.some((alert) => alert.includes("片頭痛")), after.join());
  });
}
