// Every screen that somebody sees, who sees it, and how it is reached: the stories of access and the pictures of the guides
// go through this one list.
import { handOver, openNote, patient, person, previewExport, study, writing } from "./site.mjs";
import { fact } from "./steps.mjs";

const insert = "アムロジピンベシル酸塩錠\n2. 禁忌(次の患者には投与しないこと)\n2.1 片頭痛の患者\n2.2 妊婦又は妊娠している可能性のある女性\n11.1 重大な副作用\n11.1.1 横紋筋融解症(頻度不明)\n";
const at = (path) => async (page, site) => {
  await page.goto(`${site.address}${typeof path === "function" ? path(site) : path}`);
};
const record = (page) => at((site) => `${site.record}${page}`);

/** `who` is a person of the site, `phone` the patient on a phone, or `nobody`. `go` brings the page there. */
export const screens = [
  // who is not signed in
  { name: "sign-in", who: "nobody", go: at("/sign-in") },
  { name: "my-code", who: "nobody", go: at("/my") },
  // everybody
  { name: "account", who: "sato", go: at("/account") },
  // physicians
  { name: "patients", who: "sato", go: at("/") },
  { name: "patients-new", who: "sato", go: at("/patients/new") },
  { name: "timeline", who: "sato", go: record("") },
  { name: "medications", who: "sato", go: record("/medications") },
  { name: "as-of", who: "sato", go: record("/as-of") },
  { name: "who-looked", who: "sato", go: record("/who") },
  { name: "standing", who: "sato", go: record("/access") },
  { name: "consent", who: "sato", go: record("/consent") },
  { name: "consent-together", who: "sato", go: record(`/consent/${study}`) },
  { name: "hand-over", who: "sato", go: (page, site) => handOver(site) },
  { name: "document", who: "sato", go: at((site) => site.document) },
  { name: "document-print", who: "sato", go: at((site) => `${site.document}/print`) },
  { name: "unconfirmed", who: "sato", go: at((site) => site.waiting) },
  { name: "confirmations", who: "sato", go: at("/confirmations") },
  { name: "note-empty", who: "sato", go: (page, site) => openNote(page, site.address, "EMPTY") },
  { name: "note", who: "sato", go: (page, site) => writing(page, site.address) },
  {
    name: "note-correct", who: "sato", async go(page, site) {
      await openNote(page, site.address, "CORRECT");
      await page.keyboard.insertText("昨日からの発熱");
      await fact(page, "発熱");
      await page.keyboard.press("Alt+Enter");
      await page.waitForSelector(".chooser .candidates li");
    },
  },
  {
    name: "note-offers", who: "sato", async go(page, site) {
      await openNote(page, site.address, "OFFERS");
      for (let round = 0; round < 60; round += 1) {
        await page.keyboard.press("Control+a");
        await page.keyboard.insertText("S) 昨日から発");
        await page.waitForTimeout(500);
        if (await page.locator("#offers li").count()) break;
      }
      await page.keyboard.press("ArrowDown");
    },
  },
  {
    name: "note-snippet", who: "sato", async go(page, site) {
      await openNote(page, site.address, "SNIPPET");
      await page.keyboard.type(";ab", { delay: 15 });
      await page.locator("#offers li", { hasText: "腹部" }).first().waitFor({ timeout: 8000 });
      await page.keyboard.press("ArrowDown");
      await page.keyboard.press("Enter");
      await page.waitForSelector(".snippet");
    },
  },
  {
    name: "note-sign", who: "sato", async go(page, site) {
      await writing(page, site.address, "SIGN");
      await page.keyboard.press("Control+s");
      await page.waitForSelector("dialog.ask-sign[open]");
    },
  },
  { name: "note-unknown", who: "sato", go: at("/open?patient=NONE") },
  { name: "drafts", who: "sato", go: at(`/drafts?patient=${patient}&encounter=2026-1129`) },
  { name: "search-empty", who: "sato", go: at("/search") },
  { name: "search", who: "sato", go: at(`/search?q=${encodeURIComponent("発熱がある患者")}&population=dummy`) },
  { name: "knowledge", who: "sato", go: at(`/knowledge?q=${encodeURIComponent("胆嚢炎")}`) },
  { name: "disease", who: "sato", go: at(`/knowledge/acute-cholecystitis?patient=${patient}`) },
  {
    name: "read", who: "sato", async go(page, site) {
      await page.goto(`${site.address}/knowledge/read`);
      await page.fill("#text", insert);
      await page.fill('#give input[name="title"]', "見本の添付文書");
      await page.fill('#give input[name="edition"]', "第1版");
      await page.locator("#text").press("Control+Enter");
      await page.waitForSelector("#statements");
    },
  },
  { name: "review", who: "sato", go: at("/review") },
  {
    name: "review-report", who: "sato", async go(page, site) {
      await page.goto(`${site.address}/review`);
      await page.click(".page-head a.primary");
      await page.waitForSelector("#review .review-fact.now");
    },
  },
  { name: "terms", who: "sato", go: at(`/terms?q=${encodeURIComponent("たんのうえん")}`) },
  { name: "term", who: "sato", go: at("/terms/fever") },
  { name: "studies-seen", who: "sato", go: at("/studies") },
  { name: "study-seen", who: "sato", go: at(`/studies/${study}`) },
  { name: "not-found", who: "sato", go: at("/patients/999999") },
  { name: "forbidden", who: "sato", go: at("/users") },
  { name: "emergency-open", who: "mori", go: at((site) => site.person) },
  { name: "emergency", who: "mori", go: at((site) => `/emergency?patient=${site.closed.split("/").pop()}`) },
  // who enters for a physician
  { name: "proxy-list", who: "hata", go: at("/confirmations") },
  { name: "proxy-returned", who: "hata", go: at((site) => site.back) },
  {
    name: "proxy-note", who: "hata", async go(page, site) {
      await openNote(page, site.address, "P3", person.number);
      await page.keyboard.insertText("S)昨日からの発熱。\nO)BT39.2");
      await fact(page, "発熱");
    },
  },
  // administrators, and who looks after the trail
  { name: "users", who: "root", go: at("/users") },
  {
    name: "users-change", who: "root", async go(page, site) {
      await page.goto(`${site.address}/users`);
      await page.locator("table.users tbody tr", { hasText: "sato" }).locator("summary").click();
    },
  },
  { name: "apps", who: "root", go: at("/apps") },
  { name: "policy", who: "root", go: at("/policy") },
  { name: "emergencies", who: "aoki", go: at("/emergencies") },
  // studies and exports
  { name: "studies", who: "kanri", go: at("/studies") },
  {
    name: "study-new", who: "kanri", async go(page, site) {
      await page.goto(`${site.address}/studies`);
      await page.locator("details.card > summary").click();
    },
  },
  { name: "study", who: "kanri", go: at(`/studies/${study}`) },
  { name: "export-preview", who: "kanri", go: (page, site) => previewExport(page, site.address) },
  { name: "exports", who: "kanri", go: at("/exports") },
  // the patient
  { name: "my-choices", who: "phone", go: at("/my/choices") },
  { name: "my-study", who: "phone", go: at(`/my/choices/${study}`) },
  { name: "my-looked", who: "phone", go: at("/my/looked") },
  { name: "my-record", who: "phone", go: at("/my/record") },
  { name: "my-correct", who: "phone", go: at("/my/correct") },
];
