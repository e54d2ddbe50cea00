// Pictures of the screens for the guides: wide, in the dark, or as a phone shows them, with few colours so that they stay
// small. Written with --only screens.
import assert from "node:assert/strict";
import { mkdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { reduced } from "./png.mjs";
import { handset, inhabited, onPhone } from "./site.mjs";
import { screens } from "./walk.mjs";

/** All pictures together, in bytes. */
const most = 3 * 1024 * 1024;
/** What is drawn beside the wide screen in light, which is drawn of all but the patient's own pages. */
const inDark = ["sign-in", "patients", "timeline", "document", "note", "note-correct", "note-sign", "medications", "disease", "search", "consent-together", "proxy-note", "users", "policy", "study", "exports", "my-choices", "my-study", "my-looked", "my-record"];
const onHandset = ["sign-in", "patients", "timeline", "document", "note", "note-empty", "search", "medications", "confirmations", "unconfirmed"];
const isMine = (name) => name.startsWith("my-");
/** What looks like another screen. */
const left = ["note-unknown", "drafts", "search-empty", "studies-seen", "study-seen", "forbidden"];

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
      for (const screen of screens.filter((one) => !left.includes(one.name))) {
        const { name } = screen;
        const page = site.pages[screen.who];
        if (!isMine(name)) {
          await page.setViewportSize({ width: 1280, height: 800 });
          await screen.go(page, site);
          for (const scheme of inDark.includes(name) ? ["light", "dark"] : ["light"]) {
            await page.emulateMedia({ colorScheme: scheme });
            await shoot(page, `${name}-${scheme}`, false);
          }
          await page.emulateMedia({ colorScheme: "light" });
        }
        if (!isMine(name) && !onHandset.includes(name)) continue;
        const context = screen.who === "phone" ? null : await browser.newContext({ ...handset, storageState: await page.context().storageState() });
        const phone = context ? await context.newPage() : page;
        await screen.go(phone, site);
        const wide = await phone.evaluate(() => document.documentElement.scrollWidth);
        assert.ok(wide <= 360, `${name} is ${wide} px wide on a phone`);
        for (const scheme of isMine(name) && inDark.includes(name) ? ["light", "dark"] : ["light"]) {
          await phone.emulateMedia({ colorScheme: scheme });
          await shoot(phone, `${name}-phone${scheme === "dark" ? "-dark" : ""}`, true);
        }
        await phone.emulateMedia({ colorScheme: "light" });
        await context?.close();
      }
      const whole = [...written.keys()].reduce((sum, path) => sum + statSync(path).size, 0);
      console.log(`      ${written.size} pictures, ${(whole / 1024).toFixed(0)} KiB together, largest ${(Math.max(...written.values()) / 1024).toFixed(0)} KiB`);
      assert.ok(whole <= most, `${whole} bytes of pictures`);
    });
  } finally {
    await site.server.end();
  }
}
