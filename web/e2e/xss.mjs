// Stories of hostile text: every payload goes through every field that takes text, every page that shows it is opened, and
// nothing of it becomes script, markup or a complaint of the page's policy.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { codeOf } from "./access.mjs";
import { introduce, password, signIn } from "./steps.mjs";
import { Server, freePort } from "./server.mjs";
import { otherStories } from "./xss-others.mjs";

/** One a line; each calls `__xss()` where it runs, and most leave an attribute `data-x` where they become markup. */
const payloads = readFileSync(new URL("./xss-payloads.txt", import.meta.url), "utf8").split("\n").filter(Boolean);

/** Parts of a list of this length. */
const parts = (list, length) => Array.from({ length: Math.ceil(list.length / length) }, (_, at) => list.slice(at * length, (at + 1) * length));

export async function xssStories(story, { browser, binary }) {
  const server = new Server(binary, await freePort());
  const links = {
    doctor: server.addUser("doctor", "検証 医師", "physician", "internal"),
    other: server.addUser("other", "検証 他科", "physician", "surgery"),
    root: server.addUser("root", "検証 管理", "administrator", "internal"),
    hata: server.addUser("hata", "検証 代行", "scribe", "internal"),
    officer: server.addUser("officer", "検証 監査", "privacy-officer", "internal"),
  };
  const contexts = {};
  const pages = {};
  const seen = { pages: 0, shown: new Set(), violations: [] };
  try {
    await server.start();

    /** A window of somebody; it counts what runs and what the policy stops. */
    const enter = async (user) => {
      const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, locale: "ja-JP" });
      await context.addInitScript(() => {
        window.__ran = 0;
        window.__stopped = [];
        window.__xss = () => (window.__ran += 1);
        document.addEventListener("securitypolicyviolation", (event) => window.__stopped.push(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`));
      });
      contexts[user] = context;
      const page = await context.newPage();
      await introduce(page, server.address, user, links[user]);
      pages[user] = page;
      return page;
    };

    /** What the page that is open has made of the text that it was given. */
    const look = async (page, place) => {
      seen.pages += 1;
      const found = await page.evaluate(() => ({
        ran: window.__ran,
        stopped: window.__stopped,
        marked: document.querySelectorAll("[data-x]").length,
        // A link or a form of ours never runs script.
        links: [...document.querySelectorAll("a[href], form[action], iframe, object, embed, base")].filter((one) => /^(javascript|data):/i.test((one.getAttribute("href") ?? one.getAttribute("action") ?? "").trim()) || /^(IFRAME|OBJECT|EMBED|BASE)$/.test(one.tagName)).length,
        text: document.documentElement.textContent + [...document.querySelectorAll("input, textarea")].map((one) => one.value).join("\n"),
      }));
      seen.violations.push(...found.stopped.map((one) => `${place}: ${one}`));
      assert.deepEqual({ ran: found.ran, marked: found.marked, links: found.links }, { ran: 0, marked: 0, links: 0 }, place);
      return found.text;
    };
    const open = async (page, path) => {
      await page.goto(`${server.address}${path}`, { waitUntil: "domcontentloaded" });
      return look(page, path);
    };
    const send = async (user, path, form) => {
      const options = { form, headers: { Origin: server.address }, maxRedirects: 0 };
      return contexts[user].request.post(`${server.address}${path}`, options);
    };
    /** The payloads that stand in a text as they were given, or as the page shows them when it folds widths. */
    const shown = (text, list, place) => {
      const missing = list.filter((payload) => !text.includes(payload.trim()));
      assert.deepEqual(missing.slice(0, 3), [], `${place}: ${missing.length} of ${list.length} are not shown as they were written`);
      for (const payload of list) seen.shown.add(payload);
    };

    /** Sets up a second factor, and signs in with both. */
    const second = async (page, user) => {
      await open(page, "/account");
      await page.fill("#factor-present", password);
      await page.click('form[action="/account/second-factor"] button');
      const secret = await page.locator("code.secret").textContent();
      await page.fill("#code", codeOf(secret));
      await page.click("main button.primary");
      await page.waitForSelector(".recovery");
      await signIn(page, server.address, user, password);
      await page.waitForURL(/second-factor/);
      await page.fill("#code", codeOf(secret, 1));
      await page.click("main button.primary");
      await page.waitForURL(`${server.address}/`);
    };

    const doctor = await enter("doctor");
    const numbers = [];
    await story(`hostile text: ${payloads.length} names of patients are text in the list and on their pages`, async () => {
      for (const [at, payload] of payloads.entries()) {
        const made = await send("doctor", "/patients", { number: `X${at}`, name: payload, kana: payload, sex: "female", birth: "1961-02-03" });
        if (made.status() === 303) numbers.push([Number(made.headers().location.split("/").pop()), payload]);
      }
      assert.ok(numbers.length >= 190, `${numbers.length} were accepted`);
      shown(await open(doctor, "/"), numbers.map(([, payload]) => payload), "/");
      for (const [id, payload] of numbers.filter((_, at) => at % 10 === 0)) {
        shown(await open(doctor, `/patients/${id}`), [payload], "patient");
        for (const page of ["who", "access"]) await open(doctor, `/patients/${id}/${page}`);
      }
    });

    await story("hostile text: notes are text in the editor, the document, the timeline and the search", async () => {
      for (const [at, part] of parts(payloads, 50).entries()) {
        const [id] = numbers[at];
        const form = { patient: `X${at}`, encounter: "V1", addendum: "", base: "", text: `発熱あり。\n${part.join("\n")}` };
        assert.equal((await send("doctor", "/notes", { ...form, action: "save" })).status(), 303);
        await open(doctor, `/open?patient=X${at}&encounter=V1`);
        await doctor.waitForSelector("#facts-list .fact", { timeout: 15_000 });
        await doctor.waitForTimeout(300);
        await look(doctor, "editor");
        await open(doctor, `/drafts?patient=X${at}&encounter=V1`);
        const base = await doctor.locator('input[name="base"]').first().inputValue();
        const signed = await send("doctor", "/notes", { ...form, base, action: "sign" });
        assert.equal(signed.status(), 303, await signed.text());
        const document = Number(new URL(signed.headers().location, server.address).searchParams.get("signed"));
        shown(await open(doctor, `/documents/${document}`), part, "document");
        await open(doctor, `/patients/${id}`);
      }
      await open(doctor, "/search?q=%E7%99%BA%E7%86%B1&mode=text");
      await open(doctor, "/search?concept=fever");
      await open(doctor, "/review");
    });

    await story("hostile text: queries, links and forms filled beforehand are text", async () => {
      const addresses = [
        (text) => `/?q=${text}`,
        (text) => `/search?q=${text}&mode=text`,
        (text) => `/terms?q=${text}`,
        (text) => `/knowledge?q=${text}`,
        (text) => `/patients/new?number=${text}&name=${text}&kana=${text}&birth=${text}`,
        (text) => `/launch?patient=${text}&encounter=${text}&user=${text}&nonce=${text}&signature=${text}&expires=1`,
        (text) => `/first-run?token=${text}`,
        (text) => `/open?patient=${text}&encounter=${text}`,
      ];
      const walk = async (address) => {
        const page = await contexts.doctor.newPage();
        for (const part of parts(payloads, 4)) await open(page, address(encodeURIComponent(part.join(" "))));
        await page.close();
      };
      // Four windows at a time.
      for (const part of parts(addresses, 4)) await Promise.all(part.map(walk));
    });

    await story("hostile text: a text that is read for knowledge, its title and its edition are text", async () => {
      for (const part of parts(payloads, 50)) {
        await open(doctor, "/knowledge/read");
        await doctor.fill("#text", `アムロジピン\n2. 禁忌\n2.1 片頭痛の患者\n${part.join("\n")}\n`);
        await doctor.fill('#give input[name="title"]', part[7]);
        await doctor.fill('#give input[name="edition"]', part[13]);
        await doctor.locator("#text").press("Control+Enter");
        await doctor.waitForSelector("#statements");
        await look(doctor, "/knowledge/read");
        await doctor.locator(".proposal").first().focus();
        await doctor.keyboard.press("a");
        await doctor.keyboard.press("Control+Enter");
        await doctor.waitForSelector("p.notice");
        await look(doctor, "/knowledge/read, accepted");
      }
      await open(doctor, "/knowledge/read");
    });

    await story("hostile text: reasons of emergencies and names of accounts are text for who reviews and administers", async () => {
      await enter("other");
      const open_for = numbers.slice(0, 20);
      for (const [at, part] of parts(payloads, 10).entries()) {
        const [patient] = open_for[at];
        const made = await send("other", "/emergency", { patient: String(patient), reason: part.join(" ").slice(0, 480), minutes: "15" });
        assert.equal(made.status(), 303, await made.text());
      }
      const officer = await enter("officer");
      await second(officer, "officer");
      const text = await open(officer, "/emergencies");
      assert.ok(text.includes("__xss()"), "the reasons are shown");
      const id = await officer.locator('input[name="id"], button[name="id"]').first().getAttribute("value");
      await send("officer", "/emergencies", { id, verdict: "justified", note: payloads.slice(0, 5).join(" ") });
      await open(officer, "/emergencies");

      const root = await enter("root");
      await second(root, "root");
      let accepted = 0;
      for (const [at, payload] of payloads.entries()) {
        const made = await send("root", "/users", { user: `x${at}`, name: payload.slice(0, 64), role: "nurse", department: "internal", teams: "", version: "0", action: "add" });
        accepted += made.status() < 400 ? 1 : 0;
      }
      assert.ok(accepted >= 190, `${accepted} names were accepted`);
      assert.ok((await open(root, "/users")).includes("__xss()"));

      await open(root, "/policy");
      const rules = await root.locator("#rules").inputValue();
      await root.fill("#rules", `${payloads.map((payload) => `// ${payload}`).join("\n")}\n${rules}`);
      await root.fill('input[name="reason"]', payloads.slice(0, 4).join(" "));
      await root.click('button[value="set"]');
      await look(root, "/policy, set");
      shown(await open(root, "/policy"), payloads, "/policy");
      await root.fill("#rules", `${payloads[1]}\n${rules}`);
      await root.click('button[value="check"]');
      await look(root, "/policy, a mistake");
    });

    await otherStories(story, { server, enter, open, look, send, shown, pages, payloads, parts, numbers });

    await story("hostile text: who is not signed in gets it back as text", async () => {
      const page = await (await browser.newContext()).newPage();
      await page.addInitScript(() => ((window.__ran = 0), (window.__stopped = []), (window.__xss = () => (window.__ran += 1))));
      for (const payload of payloads.filter((_, at) => at % 10 === 0)) {
        await open(page, `/sign-in?next=${encodeURIComponent(payload)}`);
        await page.fill("#user", payload.slice(0, 64));
        await page.fill("#password", payload);
        await page.click("main button.primary");
        await look(page, "/sign-in, refused");
        await open(page, `/set-password?token=${encodeURIComponent(payload)}`);
      }
      await page.context().close();
    });

    await story("hostile text: nothing ran, and the policy of the pages had nothing to stop", async () => {
      console.log(`      ${payloads.length} payloads, ${seen.pages} pages looked at, ${seen.violations.length} violations of the policy`);
      assert.deepEqual(seen.violations, []);
      assert.equal(payloads.length, 200);
      assert.ok(seen.shown.size >= 190, `${seen.shown.size} were shown`);
    });
  } finally {
    await Promise.all(Object.values(contexts).map((context) => context.close()));
    await server.end();
  }
}
