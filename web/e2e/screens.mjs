// Pictures of the screens for the guides: each in light and in dark as the list below says, wide or as a phone shows it,
// with few colours so that they stay small. Written with --only screens.
import assert from "node:assert/strict";
import { mkdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { reduced } from "./png.mjs";
import { handset, inhabited, onPhone } from "./site.mjs";
import { screens } from "./walk.mjs";

/** All pictures together, in bytes. */
const most = 3 * 1024 * 1024;
/** What is drawn of each screen: l light, d dark, p light on a phone, q dark on a phone. */
const wanted = {
  "sign-in": "l", patients: "ldp", timeline: "ldp", document: "lp", note: "ldp", "note-empty": "p", "note-correct": "l", "note-offers": "l", "note-snippet": "l", "note-sign": "l", confirmations: "l",
  unconfirmed: "l", "hand-over": "l", medications: "l", disease: "l", search: "lp", read: "l", "review-report": "l",
  "proxy-list": "l", "proxy-note": "ld", "proxy-returned": "l", users: "ld", "users-change": "l", apps: "l", policy: "l", "who-looked": "l", emergency: "l", emergencies: "l",
  studies: "l", "study-new": "l", study: "ld", "export-preview": "l", exports: "l", account: "l",
  "my-code": "p", "my-choices": "pq", "my-study": "pq", "my-looked": "p", "my-record": "p", "my-correct": "p",
};

export async function screenStories(story, { browser, binary, images }) {
  const folder = images ?? new URL("../../docs/guides/images", import.meta.url).pathname;
  mkdirSync(folder, { recursive: true });
  const site = await inhabited(browser, binary);
  const written = new Map();
  const shoot = async (page, name, isWhole) => {
    await page.mouse.move(0, 0);
    await page.waitForTimeout(250);
    const box = isWhole ? { fullPage: true, clip: { x: 0, y: 0, width: 360, height: Math.min(1100, await page.evaluate(() => document.documentElement.scrollHeight)) } } : {};
    const picture = reduced(await page.screenshot({ animations: "disabled", ...box }), 32);
    const path = join(folder, `screen-${name}.png`);
    writeFileSync(path, picture);
    written.set(path, picture.length);
  };
  try {
    await story("pictures of the screens", async () => {
      const nobody = await (await browser.newContext({ viewport: { width: 1280, height: 800 }, locale: "ja-JP" })).newPage();
      site.pages = { ...site.pages, nobody, phone: await onPhone(site) };
      for (const screen of screens.filter((one) => wanted[one.name])) {
        const kinds = wanted[screen.name];
        const page = site.pages[screen.who];
        if (screen.who !== "phone") await page.setViewportSize({ width: 1280, height: 800 });
        if (/[ld]/.test(kinds)) await screen.go(page, site);
        for (const [kind, scheme] of [["l", "light"], ["d", "dark"]]) {
          if (!kinds.includes(kind)) continue;
          await page.emulateMedia({ colorScheme: scheme });
          await shoot(page, `${screen.name}-${scheme}`, false);
        }
        await page.emulateMedia({ colorScheme: "light" });
        if (!/[pq]/.test(kinds)) continue;
        const context = screen.who === "phone" ? null : await browser.newContext({ ...handset, storageState: await page.context().storageState() });
        const phone = context ? await context.newPage() : page;
        await screen.go(phone, site);
        for (const [kind, scheme] of [["p", "light"], ["q", "dark"]]) {
          if (!kinds.includes(kind)) continue;
          await phone.emulateMedia({ colorScheme: scheme });
          await shoot(phone, `${screen.name}-phone${kind === "q" ? "-dark" : ""}`, true);
        }
        await phone.emulateMedia({ colorScheme: "light" });
        await context?.close();
      }
      const missing = Object.keys(wanted).filter((name) => ![...written.keys()].some((path) => path.includes(`screen-${name}-`)));
      assert.deepEqual(missing, [], "every screen that is named is there");
      const whole = [...written.keys()].reduce((sum, path) => sum + statSync(path).size, 0);
      console.log(`      ${written.size} pictures, ${(whole / 1024).toFixed(0)} KiB together, largest ${(Math.max(...written.values()) / 1024).toFixed(0)} KiB`);
      assert.ok(whole <= most, `${whole} bytes of pictures`);
    });
  } finally {
    await site.server.end();
  }
}
