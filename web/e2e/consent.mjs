// Stories of consent: staff enter a study and hand over a code; the patient answers on a phone of 360 x 740, withdraws, and
// answers while the line is lost.
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { codeOf } from "./access.mjs";
import { createPatient, introduce, password, signIn } from "./steps.mjs";
import { Server, freePort } from "./server.mjs";

const study = "biliary";
const title = "胆道疾患レジストリ";

export async function consentStories(story, { browser, binary, images }) {
  const server = new Server(binary, await freePort());
  const manager = server.addUser("kanri", "管理 士郎", "records-manager", "records");
  const sato = server.addUser("sato", "佐藤 一郎", "physician", "internal");
  const desk = async () => (await browser.newContext({ viewport: { width: 1280, height: 900 }, locale: "ja-JP" })).newPage();
  const handset = { viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true, locale: "ja-JP" };
  const picture = async (page, name) => {
    if (!images) return;
    mkdirSync(images, { recursive: true });
    for (const scheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme: scheme });
      await page.screenshot({ path: join(images, `${name}-${scheme}.png`), fullPage: true });
    }
    await page.emulateMedia({ colorScheme: "light" });
  };
  /** Everything that is tapped is at least 44 px high and wide, and nothing is wider than the screen. */
  const fits = async (page) => {
    const found = await page.evaluate(() => {
      const shown = (element) => element.getClientRects().length > 0;
      const targets = [...document.querySelectorAll("main button, main .button, main summary, .three label, .my-nav a, .my-list a, header button")].filter(shown);
      const small = targets.map((one) => [one.textContent.trim(), one.getBoundingClientRect()]).filter(([, box]) => box.height < 44 || box.width < 44);
      const named = [...document.querySelectorAll("input:not([type=hidden]), textarea, select")].filter((one) => !one.labels?.length && !one.getAttribute("aria-label"));
      return { small: small.map(([text, box]) => `${text} ${box.width}x${box.height}`), unnamed: named.map((one) => one.name), wide: document.documentElement.scrollWidth - innerWidth };
    });
    assert.deepEqual(found.small, [], "targets");
    assert.deepEqual(found.unnamed, [], "fields without a name");
    assert.ok(found.wide <= 0, `wider than the screen by ${found.wide}`);
  };
  const answer = (page, item, word) => page.locator("fieldset", { hasText: item }).locator(`input[value="${word}"]`).check({ force: true });
  const state = (page) => page.locator("#my-state").textContent();
  const said = (page, words) => page.locator("#my-state", { hasText: words }).waitFor({ timeout: 12_000 });

  try {
    await server.start();
    const staff = await desk();
    const doctor = await desk();
    const people = {};
    /** A new code, as it is to be typed. */
    const handOver = async () => {
      await doctor.goto(`${people.record}/consent`);
      await doctor.click('form[action$="/consent-code"] button.primary');
      return (await doctor.locator(".handed .code").textContent()).trim();
    };
    const enter = async (page, code) => {
      await page.goto(`${server.address}/my`);
      await page.fill("#code", code);
      await page.click("main button.primary");
    };
    const stands = async () => {
      await doctor.goto(people.record);
      return doctor.locator(".consent-card li", { hasText: title }).textContent();
    };

    await story("a study is entered with its text in three lengths", async () => {
      await introduce(staff, server.address, "kanri", manager);
      await staff.goto(`${server.address}/studies`);
      await staff.locator("details.card > summary").click();
      for (const [name, value] of [
        ["id", study],
        ["title", title],
        ["institution", "試験大学"],
        ["recipients", "univ | 試験大学 | academic\nmaker | 試験製薬 | company"],
        ["committee", "試験大学倫理委員会"],
        ["number", "2026-12"],
        ["until", "2030-03-31"],
        ["one_line", "診療記録を、名前を外して研究に使います。"],
        ["one_page", "胆のうや胆管の病気の治療を良くするための研究です。\n答えても断っても、診療は変わりません。"],
        ["full", "全文。目的、方法、費用、問い合わせ先。"],
      ]) await staff.fill(`form.study [name="${name}"]`, value);
      for (const kind of ["diagnoses", "drugs"]) await staff.check(`form.study [name="kind:${kind}"]`);
      await staff.click('form.study button[value="save"]');
      await staff.waitForURL(new RegExp(`/studies/${study}$`));
      await picture(staff, "study");
      await staff.locator("details.card.study > summary").click();
      await staff.fill('form.study [name="one_line"]', "診療記録を、名前を外して研究に使います。いつでもやめられます。");
      await staff.click('form.study button[value="preview"]');
      assert.equal(await staff.locator(".diff ins").count(), 1, "what changes is shown before it is kept");
      await picture(staff, "study-difference");
      await staff.click('form.study button[value="save"]');
      await staff.waitForURL(new RegExp(`/studies/${study}$`));
      assert.equal(await staff.locator("#versions ~ ol li").count(), 2);
    });

    await story("the physician sees how each study stands and hands over a code", async () => {
      await introduce(doctor, server.address, "sato", sato);
      await createPatient(doctor, server.address, { number: "C-1", name: "実在 花子", kana: "じつざい はなこ", birth: "1961-02-03" });
      people.record = doctor.url();
      assert.match(await stands(), /まだ答えていません/);
      people.code = await handOver();
      assert.match(people.code, /^[0-9A-Z]{4}-[0-9A-Z]{4}$/);
      assert.equal(await doctor.locator("svg.qr path").count(), 1);
      await picture(doctor, "hand-over");
    });

    const context = await browser.newContext(handset);
    const phone = await context.newPage();
    const complaints = [];
    phone.on("pageerror", (error) => complaints.push(String(error)));

    await story("on a phone of 360 px: code, read, answer, effective, within a minute", async () => {
      const began = Date.now();
      await phone.goto(`${server.address}/my`);
      await fits(phone);
      await picture(phone, "my-code");
      await enter(phone, people.code.toLowerCase());
      await phone.waitForURL(/\/my\/choices$/);
      await fits(phone);
      await picture(phone, "my-choices");
      await phone.locator(".my-list a", { hasText: title }).tap();
      await phone.waitForSelector("form.answers");
      await fits(phone);
      assert.equal(await phone.locator("input[type=radio]:checked").count(), 0, "nothing is chosen in advance");
      await picture(phone, "my-study");
      await phone.locator('button[value="answer"]').tap();
      await said(phone, "まだ何も選ばれていません");
      await answer(phone, "病名", "yes");
      await answer(phone, "研究に使う", "yes");
      await answer(phone, "試験大学", "yes");
      await answer(phone, "試験製薬", "no");
      await picture(phone, "my-study-chosen");
      await phone.locator('button[value="answer"]').tap();
      await said(phone, "いまから有効です");
      await picture(phone, "my-study-done");
      assert.ok(Date.now() - began < 60_000, "under a minute");
      assert.match(await stands(), /答えています/);
    });

    await story("a code works once, and that is said plainly", async () => {
      const other = await (await browser.newContext(handset)).newPage();
      await enter(other, people.code);
      assert.match(await other.locator(".mistake").textContent(), /使われています/);
      await enter(other, "AAAA-AAAA");
      assert.match(await other.locator(".mistake").textContent(), /このコードはありません/);
      await picture(other, "my-code-used");
      await other.context().close();
    });

    await story("one tap refuses the whole study, at once", async () => {
      await phone.goto(`${server.address}/my/choices/${study}`);
      await phone.locator('button[value="refuse"]').tap();
      await said(phone, "いまから有効です");
      assert.match(await stands(), /撤回・拒否/);
    });

    await story("the line is lost: the answer waits, is not effective, and goes out when the line is back", async () => {
      await phone.goto(`${server.address}/my/choices/${study}`);
      await context.setOffline(true);
      await answer(phone, "病名", "yes");
      await phone.locator('button[value="answer"]').tap();
      await said(phone, "まだ有効ではありません");
      await said(phone, "つながっていません");
      await picture(phone, "my-offline");
      assert.match(await stands(), /撤回・拒否/, "nothing has changed yet");
      await context.setOffline(false);
      await said(phone, "いまから有効です");
      assert.match(await stands(), /一部に答えています/);
    });

    await story("what waited overwrites nothing that was said later", async () => {
      await phone.goto(`${server.address}/my/choices/${study}`);
      await context.setOffline(true);
      await answer(phone, "病名", "ask-each-time");
      await phone.locator('button[value="answer"]').tap();
      await said(phone, "つながっていません");
      // The person changes it at the desk meanwhile.
      await doctor.goto(`${people.record}/consent/${study}`);
      await picture(doctor, "together");
      await doctor.click('button[value="refuse"]');
      await doctor.waitForSelector(".notice");
      await context.setOffline(false);
      await said(phone, "後に別の答え");
      assert.match(await stands(), /撤回・拒否/);
      assert.equal(await phone.evaluate(() => localStorage.getItem("tsumugi-my")), null, "nothing waits any more");
    });

    await story("who looked, the record in plain words, and a request that lands with the physician", async () => {
      await phone.goto(`${server.address}/my/looked`);
      assert.match(await phone.locator("main").textContent(), /佐藤 一郎/);
      await fits(phone);
      await picture(phone, "my-looked");
      await phone.goto(`${server.address}/my/record`);
      await fits(phone);
      await picture(phone, "my-record");
      await phone.locator('a[href="/my/correct"]').tap();
      await phone.fill("#words", "喘息と言われたことはありません。");
      await fits(phone);
      await phone.locator("main button.primary").tap();
      await phone.waitForURL(/\/my\/record/);
      await doctor.goto(people.record);
      assert.match(await doctor.locator(".amendments").textContent(), /喘息と言われたことはありません/);
      await picture(doctor, "amendment");
      await doctor.fill('.amendments input[name="words"]', "記録を直しました。");
      await doctor.click('.amendments button[value="corrected"]');
      assert.equal(await doctor.locator(".amendments").count(), 0);
      await phone.goto(`${server.address}/my/record`);
      assert.match(await phone.locator("main").textContent(), /記録を直しました/);
    });

    await story("with the keyboard alone, and in English", async () => {
      await phone.goto(`${server.address}/my/choices/${study}`);
      await phone.locator('.tools button[value="en"]').click();
      await phone.waitForSelector('html[lang="en"] form.answers');
      await picture(phone, "my-study-english");
      await phone.locator("fieldset input[type=radio]").first().focus();
      await phone.keyboard.press("Space");
      assert.equal(await phone.locator("input[type=radio]:checked").count(), 1);
      await phone.keyboard.press("ArrowRight");
      assert.equal(await phone.locator('input[type=radio]:checked').getAttribute("value"), "no");
      for (let step = 0; step < 30; step += 1) {
        await phone.keyboard.press("Tab");
        if (await phone.evaluate(() => document.activeElement?.value === "answer")) break;
      }
      await phone.keyboard.press("Enter");
      await said(phone, "it holds from now on");
      await phone.locator('.tools button[value="ja"]').click();
      await phone.waitForSelector('html[lang="ja"]');
    });

    await story("without scripts the form does the same", async () => {
      const plain = await (await browser.newContext({ ...handset, javaScriptEnabled: false })).newPage();
      await enter(plain, await handOver());
      await plain.goto(`${server.address}/my/choices/${study}`);
      await plain.locator("fieldset", { hasText: "病名" }).locator('input[value="yes"]').check({ force: true });
      await plain.locator('button[value="answer"]').tap();
      assert.match(await plain.locator(".notice").textContent(), /いまから有効です/);
      await plain.locator('form[action="/my/leave"] button').tap();
      await plain.waitForURL(/\/my$/);
      await plain.goto(`${server.address}/my/choices`);
      assert.match(plain.url(), /\/my\?why=none/, "it was left");
      await plain.context().close();
    });

    await story("an export is led through: preview, refusal with its reason, signing, delivery", async () => {
      const first = await staff.goto(`${server.address}/exports`);
      assert.equal(first.status(), 403, "exports want a second factor");
      await staff.goto(`${server.address}/account`);
      await staff.fill("#factor-present", password);
      await staff.click('form[action="/account/second-factor"] button');
      const secret = await staff.locator("code.secret").first().textContent();
      await staff.fill("#code", codeOf(secret));
      await staff.click("main button.primary");
      await staff.waitForSelector(".recovery");
      await signIn(staff, server.address, "kanri");
      await staff.waitForURL(/second-factor/);
      await staff.fill("#code", codeOf(secret, 1));
      await staff.click("main button.primary");
      await staff.goto(`${server.address}/studies`);
      await staff.locator("details.card > summary").click();
      for (const [name, value] of [["id", "quality"], ["title", "診療の質"], ["institution", "試験病院"], ["recipients", "own | 当院 | own"], ["one_line", "院内で診療の質を調べます。"], ["one_page", "一枚"], ["full", "全文"]]) await staff.fill(`form.study [name="${name}"]`, value);
      await staff.check('form.study [name="dummy"]');
      await staff.selectOption('form.study [name="purpose"]', "operation");
      await staff.selectOption('form.study [name="basis"]', "notified");
      await staff.check('form.study [name="kind:diagnoses"]');
      await staff.click('form.study button[value="save"]');
      await staff.waitForURL(/\/studies\/quality$/);
      await staff.goto(`${server.address}/exports`);
      await staff.selectOption('[name="study"]', "quality");
      await staff.selectOption('[name="recipient"]', "own");
      await staff.fill('[name="k"]', "5");
      await staff.fill('[name="suppress"]', "20");
      await staff.fill('[name="l"]', "1");
      await staff.fill('[name="sensitive"]', "");
      await staff.fill('[name="columns"]', "sex,age");
      await staff.selectOption('[name="form"]', "personal");
      await staff.click('button[value="preview"]');
      assert.match(await staff.locator("section.card .mistake").first().textContent(), /出力できません/);
      await picture(staff, "export-refused");
      await staff.locator('select[name="form"]').selectOption("anonymised-table");
      await staff.locator('section[aria-labelledby="order"] button[value="preview"]').click();
      assert.match(await staff.locator('section[aria-labelledby="preview"] table').textContent(), /使ってよい人\s*30/);
      await picture(staff, "export-preview");
      await staff.fill("#password", "not-the-password");
      await staff.click('button[value="deliver"]');
      assert.ok((await staff.locator(".mistake").count()) >= 1, "it is signed with the password");
      await staff.fill("#password", password);
      await staff.click('button[value="deliver"]');
      await staff.waitForURL(/\/exports$/);
      for (let round = 0; round < 40; round += 1) {
        const text = await staff.locator("main").textContent();
        if (/渡しました/.test(text)) break;
        assert.ok(!/出力できなかったもの/.test(text), text);
        await staff.waitForTimeout(250);
        await staff.reload();
      }
      await picture(staff, "exports");
      const link = await staff.locator('a[href$="/manifest.json"]').first().getAttribute("href");
      const manifest = await (await staff.request.get(`${server.address}${link}`)).json();
      assert.equal(manifest.query.k, 5);
    });

    await story("nothing went wrong in the phone's page", async () => {
      assert.deepEqual(complaints, []);
      assert.ok((await state(phone)) !== null);
    });
  } finally {
    await server.end();
  }
}
