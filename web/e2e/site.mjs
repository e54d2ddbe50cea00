// A furnished hospital for the stories that look at every screen: people of the roles who are signed in, and something of
// everything that a screen can show. All persons are invented.
import { codeOf } from "./access.mjs";
import { createPatient, introduce, password, signIn, toEnd } from "./steps.mjs";
import { Server, freePort } from "./server.mjs";

const people = [
  ["sato", "佐藤 一郎", "physician", "internal"],
  ["mori", "森 二郎", "physician", "surgery"],
  ["hata", "畑 四葉", "scribe", "internal"],
  ["root", "管理 太郎", "administrator", "it"],
  ["kanri", "管理 士郎", "records-manager", "records"],
  ["aoki", "青木 三子", "privacy-officer", "audit"],
];
/** Who does what wants a second factor. */
const careful = ["root", "kanri", "aoki"];
/** The patient of the stories: the first dummy. */
export const patient = "D001";
/** An invented person who is not marked as a dummy: what is entered for a physician, and emergencies. */
export const person = { number: "MIHON-1", name: "見本 太郎", kana: "みほん たろう", birth: "1950-01-02" };
export const study = "biliary";
export const handset = { viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true, locale: "ja-JP", reducedMotion: "reduce" };
/** A desk; without motion, so that a colour is what it is at once. */
export const desk = { viewport: { width: 1440, height: 900 }, locale: "ja-JP", reducedMotion: "reduce" };
/** The note of the dummy case, with something of every kind of mark. */
export const caseNote =
  "S) 昨日からの発熱と右季肋部痛。悪心あり。咳嗽なし。母が糖尿病。昨夜から謎風胸痛炎。\nアムロジピン5mg 1日1回内服中。\nO) BT39.2、BP 128/76、HR 104。Murphy徴候陽性。WBC 15000、CRP 12.5。腹部エコーで胆嚢壁肥厚、胆石あり。\nA) 急性胆嚢炎の疑い。\nP) 採血、腹部造影CT。";

/** Milliseconds that a screen may take where much else is going on. */
const patience = { timeout: 20_000 };
const saved = (page) => page.waitForSelector('#saved[data-state="saved"]', patience);
const fact = (page, words) => page.locator("#facts-list .fact", { hasText: words }).first().waitFor(patience);

/** Sets up a second factor, and signs in with both. */
export async function secondFactor(page, address, user) {
  await page.goto(`${address}/account`);
  await page.fill("#factor-present", password);
  await page.click('form[action="/account/second-factor"] button');
  const secret = await page.locator("code.secret").first().textContent();
  await page.fill("#code", codeOf(secret));
  await page.click("main button.primary");
  await page.waitForSelector(".recovery");
  await signIn(page, address, user);
  await page.waitForURL(/second-factor/);
  await page.fill("#code", codeOf(secret, 1));
  await page.click("main button.primary");
  await page.waitForURL(`${address}/`);
}

/** Opens a note of a patient, empty. */
export async function openNote(page, address, encounter, number = patient) {
  await page.goto(`${address}/open?patient=${number}&encounter=${encounter}`);
  await page.waitForSelector(".cm-content");
  await toEnd(page);
  await page.keyboard.press("Control+a");
  await page.keyboard.press("Delete");
  await page.waitForTimeout(300);
}

/** Writes a note and signs it; gives the address of the document. */
async function signNote(page, address, encounter, text) {
  await openNote(page, address, encounter);
  await page.keyboard.insertText(text);
  await saved(page);
  await page.keyboard.press("Control+s");
  await page.keyboard.press("Enter");
  await page.waitForURL(/signed=/);
  return `/documents/${new URL(page.url()).searchParams.get("signed")}`;
}

/** A code for the patient's own device, as it is to be typed. */
export async function handOver(site) {
  const page = site.pages.sato;
  await page.goto(`${site.address}${site.record}/consent`);
  await page.click('form[action$="/consent-code"] button.primary');
  return (await page.locator(".handed .code").textContent()).trim();
}

/** Opens the patient's own pages with a fresh code, on a phone. */
export async function onPhone(site) {
  const page = await (await site.browser.newContext(handset)).newPage();
  const code = await handOver(site);
  await page.goto(`${site.address}/my`);
  await page.fill("#code", code);
  await page.click("main button.primary");
  await page.waitForURL(/\/my\/choices$/);
  return page;
}

/** Two studies, one of them with what an export of dummies wants. */
async function studies(page, address) {
  const enter = async (fields, more) => {
    await page.goto(`${address}/studies`);
    await page.locator("details.card > summary").click();
    for (const [name, value] of Object.entries(fields)) await page.fill(`form.study [name="${name}"]`, value);
    await page.check('form.study [name="dummy"]');
    await more();
    await page.click('form.study button[value="save"]');
    await page.waitForURL(new RegExp(`/studies/${fields.id}$`));
  };
  await enter({
    id: study, title: "胆道疾患レジストリ", institution: "見本大学", committee: "見本大学倫理委員会", number: "2026-12", until: "2030-03-31",
    recipients: "univ | 見本大学 | academic\nmaker | 見本製薬 | company", one_line: "診療記録を、名前を外して研究に使います。",
    one_page: "胆のうや胆管の病気の治療を良くするための研究です。\n答えても断っても、診療は変わりません。", full: "全文。目的、方法、費用、問い合わせ先。",
  }, async () => {
    for (const kind of ["diagnoses", "drugs"]) await page.check(`form.study [name="kind:${kind}"]`);
  });
  await enter({ id: "quality", title: "診療の質", institution: "見本病院", recipients: "own | 当院 | own", one_line: "院内で診療の質を調べます。", one_page: "一枚", full: "全文" }, async () => {
    await page.selectOption('form.study [name="purpose"]', "operation");
    await page.selectOption('form.study [name="basis"]', "notified");
    await page.check('form.study [name="kind:diagnoses"]');
  });
}

/** Fills in an export that is allowed; the form is left where its preview stands. */
export async function previewExport(page, address) {
  await page.goto(`${address}/exports`);
  await page.selectOption('[name="study"]', "quality");
  await page.selectOption('[name="recipient"]', "own");
  for (const [name, value] of Object.entries({ k: "5", suppress: "20", l: "1", sensitive: "", columns: "sex,age" })) await page.fill(`[name="${name}"]`, value);
  await page.selectOption('[name="form"]', "anonymised-table");
  await page.click('button[value="preview"]');
  await page.waitForSelector('section[aria-labelledby="preview"]');
}

async function deliver(page, address) {
  await previewExport(page, address);
  await page.fill("#password", password);
  await page.click('button[value="deliver"]');
  await page.waitForURL(/\/exports$/);
  for (let round = 0; round < 40 && !/渡しました/.test(await page.locator("main").textContent()); round += 1) {
    await page.waitForTimeout(250);
    await page.reload();
  }
}

/** A note that was entered for a physician, and one that was sent back. */
async function entered({ hata, sato }, address) {
  const enter = async (encounter, text) => {
    await openNote(hata, address, encounter, person.number);
    await hata.keyboard.insertText(text);
    await saved(hata);
    await hata.selectOption("#physician", "sato");
    await hata.click("#sign");
    await hata.click("dialog.ask-sign button.primary");
    await hata.waitForURL(/entered=\d+/);
    return `/documents/${new URL(hata.url()).searchParams.get("entered")}`;
  };
  const back = await enter("P1", "S)昨日からの発熱。");
  await sato.goto(`${address}${back}`);
  await sato.fill('input[name="reason"]', "腹痛の有無を足してください");
  await sato.click('button[value="return"]');
  await sato.waitForURL(/\/confirmations$/);
  const waiting = await enter("P2", "S)乾性咳嗽が3日続く。発熱なし。\nO)SpO2 97%。");
  return { back, waiting };
}

/** A record that another department opened in an emergency; gives its address. */
async function emergency(mori, address, closed) {
  await mori.goto(`${address}${closed}`);
  await mori.click('a[href^="/emergency"]');
  await mori.fill("#reason", "救急外来に搬送、既往歴と内服薬の確認が必要");
  await mori.click("main button.primary");
  await mori.waitForURL(`${address}${closed}`);
}

async function app(root, address) {
  await root.goto(`${address}/apps`);
  const fields = { id: "chart", name: "検査の図", redirects: "https://app.example/done", launch: "https://app.example/launch", scopes: "launch launch/patient openid fhirUser patient/Condition.rs patient/Patient.r" };
  for (const [name, value] of Object.entries(fields)) await root.fill(`form[action="/apps"] input[name="${name}"]`, value);
  await root.click('form[action="/apps"] button.primary');
}

/** The hospital, with something on every screen. Where it cannot be furnished its server is ended. */
export async function inhabited(browser, binary) {
  const server = new Server(binary, await freePort());
  try {
    return await furnish(browser, server);
  } catch (error) {
    await server.end();
    throw error;
  }
}

async function furnish(browser, server) {
  const links = {};
  for (const [user, name, role, department] of people) links[user] = server.addUser(user, name, role, department);
  await server.start();
  const { address } = server;
  const pages = {};
  const enter = async ([user]) => {
    pages[user] = await (await browser.newContext(desk)).newPage();
    await introduce(pages[user], address, user, links[user]);
    if (careful.includes(user)) await secondFactor(pages[user], address, user);
  };
  await Promise.all(people.map(enter));
  await pages.sato.goto(`${address}/?q=${patient}`);
  const record = await pages.sato.locator("section.dummies tbody .who a").first().getAttribute("href");
  const document = await signNote(pages.sato, address, "2026-1122", caseNote);
  await studies(pages.kanri, address);
  await createPatient(pages.sato, address, person);
  const own = new URL(pages.sato.url()).pathname;
  await createPatient(pages.sato, address, { ...person, number: "MIHON-2", name: "見本 次郎", kana: "みほん じろう" });
  const closed = new URL(pages.sato.url()).pathname;
  const notes = await entered(pages, address);
  await emergency(pages.mori, address, own);
  await app(pages.root, address);
  await deliver(pages.kanri, address);
  return { browser, server, address, pages, record, document, person: own, closed, ...notes };
}

/** The note screen as it is while one writes: facts, what is missing, support. */
export async function writing(page, address, encounter = "2026-1129") {
  await openNote(page, address, encounter);
  await page.keyboard.insertText(caseNote);
  await fact(page, "発熱");
  await page.waitForSelector("#support-body .support-part", patience);
  await page.waitForSelector("#missing-list .item", patience);
  await saved(page);
  await page.keyboard.press("Escape");
  await page.waitForTimeout(300);
}
