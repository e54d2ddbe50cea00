// Stories of notes that are entered on behalf of a physician: unconfirmed, sent back, confirmed; and the record as it stood.
import assert from "node:assert/strict";
import { createPatient, introduce, toEnd } from "./steps.mjs";
import { Server, freePort } from "./server.mjs";

const text = (page, selector = "main") => page.locator(selector).first().textContent();

export async function proxyStories(story, { browser, binary }) {
  const server = new Server(binary, await freePort());
  const fresh = async () => (await browser.newContext({ viewport: { width: 1440, height: 900 }, locale: "ja-JP" })).newPage();
  try {
    const links = {
      sato: server.addUser("sato", "佐藤 一郎", "physician", "internal"),
      mori: server.addUser("mori", "森 二郎", "physician", "internal"),
      hata: server.addUser("hata", "畑 四葉", "scribe", "internal"),
    };
    await server.start();
    const [sato, mori, hata] = [await fresh(), await fresh(), await fresh()];
    await introduce(sato, server.address, "sato", links.sato);
    await introduce(mori, server.address, "mori", links.mori);
    await introduce(hata, server.address, "hata", links.hata);
    let record = "";
    let before = "";

    /** Writes into the open note and hands it in. */
    const enter = async (page, words) => {
      await page.waitForSelector(".cm-content");
      await toEnd(page);
      await page.keyboard.insertText(words);
      await page.waitForSelector('#saved[data-state="saved"]', { timeout: 6000 });
      await page.click("#sign");
      await page.click("dialog.ask-sign button.primary");
      await page.waitForURL(/entered=\d+/);
    };

    await story("a scribe enters a note for a physician who is named; it is marked as unconfirmed everywhere", async () => {
      await createPatient(sato, server.address, { number: "P-1", name: "代行 花子", kana: "だいこう はなこ", birth: "1950-01-02" });
      record = sato.url();
      await hata.goto(`${server.address}/open?patient=P-1`);
      await hata.waitForSelector(".cm-content");
      await toEnd(hata);
      await hata.keyboard.insertText("S)昨日からの発熱。");
      await hata.click("#sign");
      assert.equal(await hata.locator("dialog.ask-sign").count(), 0, "a physician is wanted first");
      await hata.selectOption("#physician", "sato");
      await enter(hata, "\nO)BT39.2");
      assert.equal(await hata.locator("section.notes .unconfirmed-mark").count(), 1);
      await hata.goto(`${server.address}/search?q=${encodeURIComponent("発熱")}&mode=text&population=real`);
      assert.equal(await hata.locator(".result .unconfirmed-mark").count(), 1);
      await hata.goto(record);
      await hata.locator("section.notes li a").first().click();
      assert.equal(await hata.locator('button[value="confirm"]').count(), 0, "who wrote does not confirm");
    });

    await story("only the named physician finds it waiting, and sends it back with a reason", async () => {
      await mori.goto(`${server.address}/`);
      assert.equal(await mori.locator(".to-confirm").count(), 0);
      await sato.goto(`${server.address}/`);
      assert.match(await text(sato, ".to-confirm"), /1/);
      await sato.click(".to-confirm a");
      await sato.click("table.grid a");
      await sato.fill('input[name="reason"]', "腹痛の有無は");
      await sato.click('button[value="return"]');
      await sato.waitForURL(/\/confirmations$/);
    });

    await story("the scribe adds to it and hands it in again; the physician confirms; it is a signed note", async () => {
      await hata.goto(`${server.address}/confirmations`);
      assert.match(await text(hata), /腹痛の有無は/);
      await hata.click("table.grid a");
      await hata.click(".unconfirmed a.primary");
      await enter(hata, "腹痛なし。");
      before = await sato.evaluate(() => {
        const now = new Date();
        const pad = (number) => String(number).padStart(2, "0");
        return `${now.getFullYear()}-${pad(now.getMonth() + 1)}-${pad(now.getDate())}T${pad(now.getHours())}:${pad(now.getMinutes())}:${pad(now.getSeconds())}`;
      });
      await sato.waitForTimeout(1100);
      await sato.goto(`${server.address}/confirmations`);
      await sato.click("table.grid a");
      assert.match(await text(sato, "#note-text"), /腹痛なし/);
      await sato.click('button[value="confirm"]');
      await sato.waitForURL(/\/confirmations$/);
      await sato.goto(record);
      assert.equal(await sato.locator("section.notes .unconfirmed-mark").count(), 0);
      await sato.locator("section.notes li a").first().click();
      await sato.locator("details.differences summary").click();
      assert.match(await text(sato, ".diff ins"), /\+/);
    });

    await story("the record as it stood: before the confirmation it is unconfirmed, before the note it is empty; and it prints", async () => {
      await sato.goto(`${record}/as-of?at=${before}`);
      assert.equal(await sato.locator(".sheet-note .unconfirmed-mark").count(), 1);
      await sato.goto(`${record}/as-of?at=2020-01-01T00:00`);
      assert.equal(await sato.locator(".sheet-note").count(), 0);
      await sato.goto(`${record}/as-of`);
      assert.equal(await sato.locator(".sheet-note").count(), 1);
      assert.equal(await sato.locator(".sheet-note .unconfirmed-mark").count(), 0);
      const paper = await sato.pdf({ preferCSSPageSize: true });
      assert.ok(paper.length > 1000);
      await sato.click(".sheet-note .links a");
      assert.match(await text(sato, ".sheet-head"), /代行 花子.*P-1/s);
      assert.match(await text(sato, ".sheet-foot"), /佐藤 一郎/);
    });
  } finally {
    await server.end();
  }
}
