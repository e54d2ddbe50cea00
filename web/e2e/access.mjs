// Stories of who may do what: first run, second factor, lock-out, restricted records, emergency access, launch links, the lock.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHmac } from "node:crypto";
import { mkdirSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { choosePassword, createPatient, password, signIn, textOf, toEnd } from "./steps.mjs";
import { Server, freePort } from "./server.mjs";

/** The code of an authenticator (RFC 6238) some steps from now. */
export function codeOf(secret, steps = 0) {
  const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  const bits = [...secret.replaceAll(" ", "")].map((letter) => letters.indexOf(letter).toString(2).padStart(5, "0")).join("");
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => Number.parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigInt64BE(BigInt(Math.floor(Date.now() / 30_000) + steps));
  const digest = createHmac("sha1", key).update(counter).digest();
  const number = digest.readUInt32BE(digest[19] & 15) & 0x7fffffff;
  return String(number % 1_000_000).padStart(6, "0");
}

const text = (page, selector = "main") => page.locator(selector).first().textContent();

export async function accessStories(story, { browser, binary, images }) {
  const server = new Server(binary, await freePort(), ["--locked-at", "5"]);
  const fresh = async () => (await browser.newContext({ viewport: { width: 1440, height: 900 }, locale: "ja-JP" })).newPage();
  const picture = async (page, name) => {
    if (!images) return;
    mkdirSync(images, { recursive: true });
    for (const scheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme: scheme });
      await page.screenshot({ path: join(images, `${name}-${scheme}.png`) });
    }
    await page.emulateMedia({ colorScheme: "light" });
  };
  try {
    await server.start();
    const admin = await fresh();
    let secret = "";
    let recovery = [];

    await story("first run: the printed link signs in once, and there are dummies to try", async () => {
      await admin.goto(`${server.address}/`);
      assert.match(admin.url(), /\/sign-in/, "nobody is in without it");
      await admin.goto(server.firstRun);
      await picture(admin, "first-run");
      await admin.click("main button.primary");
      await admin.waitForSelector("section.dummies tbody tr");
      assert.equal(await admin.locator("section.dummies tbody tr").count(), 30);
      const other = await fresh();
      await other.goto(server.firstRun);
      await other.click("main button.primary");
      assert.equal(await other.locator(".mistake").count(), 1, "the link is used up");
      await other.context().close();
    });

    await story("a patient of the first run is a dummy", async () => {
      await admin.goto(`${server.address}/patients/new`);
      await admin.fill("#number", "TRY-1");
      await admin.fill("#name", "練習 太郎");
      await admin.click('form[action="/patients"] button.primary');
      await admin.waitForURL(/\/patients\/\d+$/);
      assert.equal(await admin.locator(".patient-bar .dummy").count(), 1);
    });

    await story("the first administrator ends the first run; weak passwords are refused", async () => {
      await admin.goto(`${server.address}/`);
      await admin.click("p.first-run a");
      const fill = async (word) => {
        await admin.fill("#user", "root");
        await admin.fill("#name", "管理 一子");
        await admin.fill("#password", word);
        await admin.fill("#again", word);
        await admin.click("main button.primary");
      };
      await fill("password-12345");
      assert.equal(await admin.locator(".mistake").count(), 1);
      await fill(password);
      await admin.waitForURL(/\/account$/);
      const other = await fresh();
      await other.goto(server.firstRun);
      assert.equal(await other.locator("main form button.primary").count(), 0, "the first run is over");
      await other.context().close();
      await admin.goto(`${server.address}/users`);
      assert.equal(await admin.locator("table.users").count(), 0, "administration needs a second factor");
    });

    await story("second factor: QR code and secret, recovery codes once, then both are asked for", async () => {
      await admin.goto(`${server.address}/account`);
      await admin.fill("#factor-present", "not-the-password");
      await admin.click('form[action="/account/second-factor"] button');
      assert.equal(await admin.locator(".mistake").count(), 1, "a second factor is set with the password only");
      await admin.fill("#factor-present", password);
      await admin.click('form[action="/account/second-factor"] button');
      secret = await text(admin, "code.secret");
      assert.equal(await admin.locator("svg.qr path").count(), 1);
      await picture(admin, "second-factor");
      await admin.fill("#code", "000000");
      await admin.click("main button.primary");
      assert.equal(await admin.locator(".mistake").count(), 1);
      await admin.fill("#code", codeOf(secret));
      await admin.click("main button.primary");
      recovery = await admin.locator(".recovery code").allTextContents();
      assert.equal(recovery.length, 10);
      await signIn(admin, server.address, "root");
      await admin.waitForURL(/second-factor/);
      await admin.goto(`${server.address}/users`);
      assert.match(admin.url(), /second-factor/, "half a session opens nothing");
      await admin.fill("#code", "123456x");
      await admin.click("main button.primary");
      assert.equal(await admin.locator(".mistake").count(), 1);
      await admin.fill("#code", codeOf(secret, 1));
      await admin.click("main button.primary");
      await admin.goto(`${server.address}/users`);
      assert.equal(await admin.locator("table.users tbody tr").count(), 1);
    });

    await story("a lost device: a recovery code opens once", async () => {
      const page = await fresh();
      const open = async () => {
        await signIn(page, server.address, "root");
        await page.waitForURL(/second-factor/);
        await page.fill("#code", recovery[0]);
        await page.click("main button.primary");
      };
      await open();
      await page.waitForURL(/\/account$/);
      assert.match(await text(page), /残り 9/);
      await open();
      assert.equal(await page.locator(".mistake").count(), 1);
      await page.context().close();
    });

    /** Sets up a second factor and signs in with both. */
    const withSecondFactor = async (page, user) => {
      await page.goto(`${server.address}/account`);
      await page.fill("#factor-present", password);
      await page.click('form[action="/account/second-factor"] button');
      const own = await text(page, "code.secret");
      await page.fill("#code", codeOf(own));
      await page.click("main button.primary");
      await page.waitForSelector(".recovery");
      await signIn(page, server.address, user);
      await page.waitForURL(/second-factor/);
      await page.fill("#code", codeOf(own, 1));
      await page.click("main button.primary");
      await page.waitForURL(`${server.address}/`);
    };

    const people = {};
    const person = async (user, name, role, department) => {
      await admin.goto(`${server.address}/users`);
      const card = admin.locator("section.card form");
      await card.locator('input[name="user"]').fill(user);
      await card.locator('input[name="name"]').fill(name);
      await card.locator('select[name="role"]').selectOption(role);
      await card.locator('input[name="department"]').fill(department);
      await card.locator("button.primary").click();
      const link = new URL(await text(admin, ".notice code.secret"));
      const page = await fresh();
      await choosePassword(page, server.address, `${link.pathname}${link.search}`);
      await signIn(page, server.address, user);
      await page.waitForURL(`${server.address}/`);
      people[user] = page;
      return page;
    };

    await story("the administrator adds people, who choose their passwords; no administrator reads records", async () => {
      const doctor = await person("sato", "佐藤 一郎", "physician", "internal");
      await person("mori", "森 二郎", "physician", "surgery");
      const aoki = await person("aoki", "青木 三子", "privacy-officer", "audit");
      await withSecondFactor(aoki, "aoki");
      await picture(admin, "users");
      await createPatient(doctor, server.address, { number: "R-1", name: "実在 花子", kana: "じつざい はなこ", birth: "1950-01-02" });
      people.record = doctor.url();
      await admin.goto(`${server.address}/?q=R-1`);
      assert.ok(!(await text(admin)).includes("実在 花子"));
      await admin.goto(people.record);
      assert.ok(!(await text(admin)).includes("実在 花子"));
      assert.equal(await doctor.locator('nav a[href="/users"]').count(), 0, "the doctor does not administer");
      const asked = await doctor.goto(`${server.address}/users`);
      assert.equal(asked.status(), 403);
    });

    await story("lock-out: failures make one wait, then only the administrator helps", async () => {
      const page = await fresh();
      const attempt = async (word) => {
        await signIn(page, server.address, "mori", word);
        return text(page, ".mistake");
      };
      let said = "";
      // How often one waits depends on how fast the machine hashes.
      for (let count = 0; count < 12 && !said.includes("ロックされて"); count += 1) {
        said = await attempt(`wrong-${count}`);
        const seconds = /(\d+) 秒待って/.exec(said)?.[1];
        if (seconds) {
          await page.waitForTimeout(1000 * Number(seconds));
        }
      }
      assert.match(said, /ロックされて/);
      assert.match(await attempt(password), /ロックされて/, "the right password is locked out too");
      await admin.goto(`${server.address}/users`);
      const row = admin.locator("table.users tbody tr", { hasText: "mori" });
      assert.match(await row.textContent(), /ロック中/);
      await row.locator("summary").click();
      await row.locator('button[value="unlock"]').click();
      await signIn(page, server.address, "mori");
      await page.waitForURL(`${server.address}/`);
      await page.context().close();
    });

    await story("lists hold only what may be seen; a denied record can be opened in an emergency, with a reason", async () => {
      const { mori, sato } = people;
      await mori.goto(`${server.address}/?q=R-1`);
      assert.ok(!(await text(mori)).includes("実在 花子"));
      await sato.goto(`${server.address}/?q=R-1`);
      assert.ok((await text(sato)).includes("実在 花子"));
      const denied = await mori.goto(people.record);
      assert.equal(denied.status(), 403);
      assert.ok(!(await text(mori)).includes("実在 花子"));
      const socket = await mori.evaluate(() => new Promise((resolve) => {
        const line = new WebSocket(`ws://${location.host}/ws?patient=R-1`);
        line.onopen = () => resolve("open");
        line.onerror = () => resolve("refused");
      }));
      assert.equal(socket, "refused", "the live line asks too");
      await mori.click('a[href^="/emergency"]');
      await picture(mori, "emergency");
      await mori.fill("#reason", "急変");
      await mori.evaluate(() => document.querySelector("#reason").removeAttribute("minlength"));
      await mori.click("main button.primary");
      assert.equal(await mori.locator(".mistake").count(), 1, "a reason of words is wanted");
      await mori.fill("#reason", "救急外来に心停止で搬送、既往歴と内服薬の確認が必要");
      await mori.click("main button.primary");
      await mori.waitForURL(people.record);
      assert.ok((await text(mori)).includes("実在 花子"));
      assert.equal(await mori.locator(".notice.emergency").count(), 1);
    });

    await story("the privacy officer reviews it, and the patient's page tells who looked", async () => {
      const { aoki, sato, mori } = people;
      await aoki.goto(`${server.address}/emergencies`);
      assert.ok((await text(aoki)).includes("心停止で搬送"));
      await picture(aoki, "emergencies");
      await aoki.fill('input[name="note"]', "救急記録と一致");
      await aoki.click('button[value="justified"]');
      assert.equal(await aoki.locator("#waiting + p.empty, section[aria-labelledby=waiting] p.empty").count(), 1);
      await sato.goto(`${people.record}/who`);
      const told = await text(sato);
      assert.ok(told.includes("森 二郎") && told.includes("心停止で搬送") && told.includes("拒否"), told);
      await picture(sato, "who-looked");
      await mori.goto(people.record);
      await mori.click(".notice.emergency button");
      const denied = await mori.goto(people.record);
      assert.equal(denied.status(), 403, "closed before its time");
    });

    await story("a launch link opens the note once; replayed, forged and expired ones open nothing", async () => {
      const page = await fresh();
      const link = (seconds = 60) => server.run("launch-link", "--patient", "R-1", "--user", "sato", "--encounter", "E1", "--seconds", String(seconds), "--server", server.address);
      const first = link();
      // The hospital's record is another site.
      const foreign = createServer((_, answer) => answer.setHeader("content-type", "text/html").end(`<a href="${first.replaceAll("&", "&amp;")}">open</a>`));
      await new Promise((resolve) => foreign.listen(0, "127.0.0.1", resolve));
      await page.goto(`http://localhost:${foreign.address().port}/`);
      await page.click("a");
      await page.waitForSelector(".cm-content");
      assert.match(page.url(), /\/open\?patient=R-1&encounter=E1$/);
      foreign.close();
      const refused = async (address) => {
        const other = await fresh();
        await other.goto(address);
        await other.waitForSelector(".mistake");
        const words = await text(other, ".mistake");
        await other.goto(`${server.address}/`);
        assert.match(other.url(), /sign-in/);
        await other.context().close();
        return words;
      };
      assert.match(await refused(first), /すでに使われて/);
      assert.match(await refused(link().replace("patient=R-1", "patient=R-2")), /署名/);
      assert.match(await refused(link().replace("user=sato", "user=root")), /署名/);
      const short = link(1);
      await page.waitForTimeout(2100);
      assert.match(await refused(short), /期限/);
      await page.context().close();
    });

    await story("one's sessions are listed and ended, and signing out ends one", async () => {
      const { sato } = people;
      const other = await fresh();
      await signIn(other, server.address, "sato");
      await other.waitForURL(`${server.address}/`);
      await sato.goto(`${server.address}/account`);
      await picture(sato, "account");
      const before = await sato.locator("table.sessions tbody tr").count();
      assert.ok(before >= 2);
      await sato.locator("table.sessions button").last().click();
      await sato.waitForURL(/\/account$/);
      assert.equal(await sato.locator("table.sessions tbody tr").count(), before - 1);
      const cookies = await other.context().cookies();
      const cookie = cookies.find((one) => one.name.includes("session"));
      assert.ok(cookie.httpOnly && cookie.sameSite === "Strict");
      await other.goto(`${server.address}/`);
      assert.match(other.url(), /sign-in/);
      await signIn(other, server.address, "sato");
      await other.waitForURL(`${server.address}/`);
      await other.click('form[action="/sign-out"] button');
      await other.goto(`${server.address}/`);
      assert.match(other.url(), /sign-in/);
      await other.context().close();
    });

    await story("a policy with a mistake is refused with its line; of two administrators the second is told", async () => {
      await admin.goto(`${server.address}/policy`);
      const rules = await admin.inputValue("#rules");
      const send = async (words, reason = "試験") => {
        await admin.fill("#rules", words);
        await admin.fill('input[name="reason"]', reason);
        await admin.click('button[value="set"]');
      };
      await send(`${rules}\npermit (principal`);
      const lines = rules.split("\n").length;
      assert.match(await text(admin, ".mistake"), new RegExp(`${lines}|${lines + 1}`));
      await picture(admin, "policy");
      const second = await admin.context().newPage();
      await second.goto(`${server.address}/policy`);
      await admin.goto(`${server.address}/policy`);
      await send(rules.replace("// 権限の規則", "// 権限の規則 (1)"));
      await admin.waitForURL(/\/policy$/);
      assert.match(await text(admin, ".page-head"), /1/);
      await second.fill('input[name="reason"]', "試験 2");
      await second.click('button[value="set"]');
      assert.match(await text(second, ".mistake"), /ほかの管理者/);
      await second.close();
    });

    await story("an idle screen locks: the text is hidden and kept, the password opens it again", async () => {
      await server.kill();
      server.flags = ["--idle-lock", "3"];
      await server.start();
      const { sato } = people;
      await signIn(sato, server.address, "sato");
      await sato.waitForURL(`${server.address}/`);
      await sato.goto(`${server.address}/open?patient=R-1&encounter=IDLE`);
      await sato.waitForSelector(".cm-content");
      await toEnd(sato);
      await sato.keyboard.insertText("発熱と咳嗽。");
      await sato.waitForSelector("dialog.lock[open]", { timeout: 9000 });
      await picture(sato, "lock");
      const line = await sato.evaluate(() => fetch("/api/concepts?q=a").then((answer) => answer.status));
      assert.equal(line, 401, "a locked session reads nothing");
      await sato.fill("#lock-password", "wrong");
      await sato.click("dialog.lock button.primary");
      await sato.waitForSelector("dialog.lock .mistake:not([hidden])");
      await sato.fill("#lock-password", password);
      await sato.click("dialog.lock button.primary");
      await sato.waitForSelector("dialog.lock", { state: "detached" });
      assert.equal(await textOf(sato), "発熱と咳嗽。");
      await sato.waitForSelector('#saved[data-state="saved"]', { timeout: 8000 });
      await sato.goto(people.record);
      await sato.waitForURL(/\/lock\?next=/, { timeout: 9000 });
      assert.ok(!(await text(sato)).includes("実在 花子"));
      await sato.fill("#password", password);
      await sato.click("main button.primary");
      await sato.waitForURL(people.record);
      // A form that was begun is there again.
      await sato.goto(`${server.address}/patients/new`);
      await sato.fill("#name", "書きかけ");
      await sato.waitForSelector("dialog.lock[open] #lock-password", { timeout: 12_000 });
      await sato.fill("#lock-password", "wrong");
      await sato.click("dialog.lock button.primary");
      await sato.waitForSelector("dialog.lock .mistake:not([hidden])");
      await sato.fill("#lock-password", password);
      await sato.click("dialog.lock button.primary");
      await sato.waitForSelector("dialog.lock", { state: "detached" });
      assert.equal(await sato.inputValue("#name"), "書きかけ");
    });
    await story("over TLS the cookie is for this host only, and a network is refused without it", async () => {
      const bare = spawnSync(binary, ["serve", "--addr", "0.0.0.0:0", "--data", server.data], { encoding: "utf8" });
      assert.equal(bare.status, 1);
      assert.match(bare.stderr, /without TLS/);
      const [cert, key] = ["cert.pem", "key.pem"].map((name) => join(server.data, name));
      const made = spawnSync("openssl", ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out", cert]);
      if (made.status !== 0) return console.log("      left out: no openssl to make a certificate with");
      await server.kill();
      server.flags = ["--tls-cert", cert, "--tls-key", key];
      server.scheme = "https";
      await server.start();
      const context = await browser.newContext({ ignoreHTTPSErrors: true, locale: "ja-JP" });
      const page = await context.newPage();
      await signIn(page, server.address, "sato");
      await page.waitForURL(`${server.address}/`);
      const cookie = (await context.cookies()).find((one) => one.name === "__Host-tsumugi_session");
      assert.ok(cookie?.secure && cookie.httpOnly && cookie.sameSite === "Strict");
      await page.goto(`${server.address}/open?patient=R-1&encounter=TLS`);
      await page.waitForSelector(".cm-content");
      await toEnd(page);
      await page.keyboard.insertText("発熱あり。");
      await page.waitForSelector('#saved[data-state="saved"]', { timeout: 8000 });
      await context.close();
    });
  } finally {
    await server.end();
  }
}
