// What a screen must keep to, measured: access for everybody, colours, targets, size, keys, compositions, kills. The table
// of the goals is eval/ux.md. More rounds of what is drawn by lot: TSUMUGI_UX_ROUNDS (default 1).
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { gzipSync } from "node:zlib";
import { pixels } from "./png.mjs";
import { desk, handset, inhabited, onPhone, openNote, study } from "./site.mjs";
import { percentile } from "./steps.mjs";
import { dummyCase, keyStories } from "./ux-keys.mjs";
import { lossStories } from "./ux-loss.mjs";
import { screens } from "./walk.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
/** WCAG 2.2 AA, and what axe holds to be good practice. */
const rules = { type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] };

export async function uxStories(story, { browser, binary }) {
  const site = await inhabited(browser, binary);
  try {
    const nobody = await (await browser.newContext(desk)).newPage();
    site.pages = { ...site.pages, nobody, phone: await onPhone(site) };
    // The dummy case mostly waits for the next kana: beside it there is time to look at the screens.
    await Promise.all([access(story, site), dummyCase(story, site)]);
    await targets(story, site);
    await colours(story, site);
    await budget(story, site);
    await keyStories(story, site);
    await lossStories(story, site);
  } finally {
    await site.server.end();
  }
}

/** U11: axe finds nothing serious on any screen, in light and in dark. */
async function access(story, site) {
  const found = new Map();
  let looked = 0;
  const look = async (page, name, options) => {
    await page.evaluate(axe);
    const { violations } = await page.evaluate((own) => globalThis.axe.run(document, own), { ...options, resultTypes: ["violations"], preload: false });
    looked += 1;
    for (const one of violations) {
      for (const node of one.nodes) {
        const key = `${one.impact} ${one.id}: ${node.target.join(" ")}`;
        found.set(key, [...(found.get(key) ?? []), name]);
      }
    }
  };
  await story("access: axe-core on every screen, in light and in dark", async () => {
    const walk = async (who) => {
      const page = site.pages[who];
      for (const screen of screens.filter((one) => one.who === who)) {
        await screen.go(page, site);
        await look(page, screen.name, { runOnly: rules });
        await page.emulateMedia({ colorScheme: "dark" });
        await look(page, `${screen.name} (dark)`, { runOnly: { type: "rule", values: ["color-contrast"] } });
        await page.emulateMedia({ colorScheme: "light" });
      }
    };
    // Two windows at a time: more than two cores do not help.
    await Promise.all([walk("sato"), (async () => { for (const who of Object.keys(site.pages).filter((one) => one !== "sato")) await walk(who); })()]);
    const lines = [...found].map(([key, names]) => `${key} (${[...new Set(names)].join(", ")})`).sort();
    const count = (impact) => lines.filter((line) => line.startsWith(impact)).length;
    console.log(`      ${screens.length} screens, ${looked} looks: critical ${count("critical")}, serious ${count("serious")}, moderate ${count("moderate")}, minor ${count("minor")}`);
    for (const line of lines) console.log(`      ${line.slice(0, 300)}`);
    assert.deepEqual(lines.filter((line) => /^(critical|serious)/.test(line)), []);
  });
}

/** U10: what is touched on a phone is 44 px high and wide; a link inside a sentence is as high as its line. */
async function targets(story, site) {
  await story("touch: on 360 x 740 what is touched measures 44 px, and nothing is wider than the screen", async () => {
    const context = await site.browser.newContext({ ...handset, storageState: await site.pages.sato.context().storageState() });
    const doctor = await context.newPage();
    const small = [];
    let measured = 0;
    const measure = async (page, name) => {
      const { list, count, wide } = await page.evaluate(() => {
        const isShown = (one) => one.checkVisibility({ visibilityProperty: true, contentVisibilityAuto: true }) && !one.closest(".hidden, .skip");
        // Words of a sentence, or of the marked text, that are a link.
        const isInSentence = (one) => one.tagName === "A" && getComputedStyle(one).display === "inline" && [...one.parentElement.childNodes].some((other) => other !== one && other.textContent.trim().length > 1);
        const all = [...document.querySelectorAll("a[href], button, summary, select, textarea, input:not([type=hidden]), [role=option]")].filter((one) => isShown(one) && !isInSentence(one) && !one.closest("svg"));
        const box = (one) => (/^(radio|checkbox)$/.test(one.type ?? "") ? (one.closest("label") ?? one) : one).getBoundingClientRect();
        const list = all.filter((one) => Math.min(box(one).height, box(one).width) < 43.5).map((one) => `${one.tagName.toLowerCase()}.${one.className}#${one.id} "${(one.textContent || one.name || "").trim().slice(0, 24)}" ${Math.round(box(one).width)}x${Math.round(box(one).height)}`);
        return { list, count: all.length, wide: document.documentElement.scrollWidth - innerWidth };
      });
      measured += count;
      small.push(...list.map((one) => `${name}: ${one}`));
      if (wide > 0) small.push(`${name}: wider than the screen by ${wide} px`);
    };
    for (const name of ["my-choices", "my-study", "my-looked", "my-record", "my-correct"]) {
      await screens.find((one) => one.name === name).go(site.pages.phone, site);
      await measure(site.pages.phone, name);
    }
    for (const name of ["patients", "timeline", "document", "note", "search"]) {
      await screens.find((one) => one.name === name).go(doctor, site);
      await measure(doctor, name);
    }
    await context.close();
    console.log(`      ${measured} targets, ${small.length} too small`);
    for (const line of [...new Set(small)].slice(0, 80)) console.log(`      ${line}`);
    assert.deepEqual(small, []);
  });
}

// ---- colours

const kinds = ["problem", "test", "care", "person", "suspected", "absent", "unread"];
const visions = ["none", "deuteranopia", "protanopia", "tritanopia", "achromatopsia"];

/** CIE L*a*b* (D65) of a colour of sRGB. */
function lab([red, green, blue]) {
  const linear = [red, green, blue].map((one) => (one / 255 <= 0.04045 ? one / 255 / 12.92 : ((one / 255 + 0.055) / 1.055) ** 2.4));
  const [r, g, b] = linear;
  const xyz = [(0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.95047, 0.2126 * r + 0.7152 * g + 0.0722 * b, (0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.08883];
  const [x, y, z] = xyz.map((one) => (one > 0.008856 ? Math.cbrt(one) : 7.787 * one + 16 / 116));
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
}
const distance = (a, b) => Math.hypot(...lab(a).map((one, index) => one - lab(b)[index]));

/** What is drawn below the words of a mark, in a part of a picture: its colour, and its shape as the share of columns that
 *  are inked in each row. */
function line(picture, { left, top, width, height }) {
  const at = (x, y) => {
    const from = ((top + y) * picture.width + left + x) * 3;
    return [...picture.rgb.subarray(from, from + 3)];
  };
  const ground = at(0, height - 1);
  const inked = (x, y) => distance(at(x, y), ground) > 12;
  const shares = [];
  let [colour, most] = [ground, 0];
  for (let y = 0; y < height; y += 1) {
    let count = 0;
    for (let x = 0; x < width; x += 1) {
      if (!inked(x, y)) continue;
      count += 1;
      const far = distance(at(x, y), ground);
      if (far > most) [colour, most] = [at(x, y), far];
    }
    shares.push(count / width);
  }
  return { colour, shares };
}

/** U11: kinds are told apart by colour or by shape with every kind of sight, in grey by shape alone. */
async function colours(story, site) {
  await story("colour: the kinds of marks are told apart without colour, and with a lack of it", async () => {
    const context = await site.browser.newContext({ viewport: { width: 900, height: 600 }, deviceScaleFactor: 2, locale: "ja-JP", storageState: await site.pages.sato.context().storageState() });
    const page = await context.newPage();
    const client = await context.newCDPSession(page);
    await openNote(page, site.address, "COLOUR");
    // The same words for all, drawn as the editor draws them, so that nothing but the mark differs.
    await page.evaluate((list) => {
      const sheet = document.createElement("div");
      sheet.id = "swatches";
      sheet.className = "paper";
      sheet.style.cssText = "position: fixed; inset: 0; z-index: 99; padding: 24px; font-size: 1.125rem; line-height: 2.6;";
      const extra = { suspected: "problem suspected", absent: "problem absent" };
      sheet.append(...list.map((kind) => Object.assign(document.createElement("div"), { innerHTML: `<span class="m ${extra[kind] ?? kind}" data-kind="${kind}">一一一一一一</span>` })));
      document.body.append(sheet);
    }, kinds);
    const boxes = {};
    for (const kind of kinds) boxes[kind] = await page.locator(`#swatches [data-kind="${kind}"]`).boundingBox();
    for (const scheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme: scheme });
      for (const vision of visions) {
        await client.send("Emulation.setEmulatedVisionDeficiency", { type: vision });
        const picture = pixels(await page.screenshot());
        const lines = {};
        for (const kind of kinds) {
          const { x, y, width, height } = boxes[kind];
          // Below the words: the rows of the underline only, or the edge of the box.
          const part = { left: x, top: y + height - 9, width, height: 14 };
          lines[kind] = line(picture, Object.fromEntries(Object.entries(part).map(([name, value]) => [name, Math.round(2 * value)])));
        }
        const near = [];
        let least = [Infinity, ""];
        for (const [index, one] of kinds.entries()) {
          for (const other of kinds.slice(index + 1)) {
            const far = distance(lines[one].colour, lines[other].colour);
            const shape = Math.max(...lines[one].shares.map((share, row) => Math.abs(share - lines[other].shares[row])));
            const isMainPair = index < 4 && kinds.indexOf(other) < 4;
            if (isMainPair && far < least[0]) least = [far, `${one}/${other}`];
            // Half of the columns of a row differ, or two just noticeable differences many times over.
            if (shape < 0.25) near.push(`${one}/${other} shape ${shape.toFixed(2)} colour ${far.toFixed(1)}`);
          }
        }
        console.log(`      ${scheme}, ${vision}: nearest colours of the four kinds ${least[1]} ${least[0].toFixed(1)}; pairs without a shape of their own ${near.length} ${near.join("; ")}`);
        assert.deepEqual(near, [], `${scheme}, ${vision}`);
        if (vision !== "achromatopsia") assert.ok(least[0] >= 10, `${scheme}, ${vision}: ${least}`);
      }
    }
    await context.close();
  });
}

/** U15: what a screen weighs, and when it can be used. */
async function budget(story, site) {
  await story("size: JavaScript of every screen after gzip, and the time until it can be used", async () => {
    const heaviest = { note: ["", 0], other: ["", 0] };
    const times = { note: [], other: [] };
    const context = await site.browser.newContext({ ...desk, storageState: await site.pages.sato.context().storageState() });
    await context.addInitScript(() => {
      // The moment the editor is there and has the caret; other pages are usable when they are read.
      const look = () => {
        if (document.activeElement?.classList?.contains("cm-content")) globalThis.__usable = performance.now();
        else requestAnimationFrame(look);
      };
      if (location.pathname === "/open") look();
    });
    const others = ["/", site.record, "/search", "/knowledge/acute-cholecystitis", `/studies/${study}`, site.document, "/knowledge/read"];
    const note = "/open?patient=D001&encounter=SIZE";
    for (const path of [note, note, note, ...others]) {
      const kind = path === note ? "note" : "other";
      // A window of its own, so that nothing comes from its memory.
      const page = await context.newPage();
      const client = await context.newCDPSession(page);
      await client.send("Network.setCacheDisabled", { cacheDisabled: true });
      const scripts = [];
      page.on("response", async (answer) => /\.js(\?|$)/.test(answer.url()) && scripts.push(answer));
      await page.goto(`${site.address}${path}`, { waitUntil: "load" });
      if (kind === "note") await page.waitForFunction(() => globalThis.__usable !== undefined);
      times[kind].push(await page.evaluate(() => globalThis.__usable ?? performance.getEntriesByType("navigation")[0].domContentLoadedEventEnd));
      let size = 0;
      for (const answer of scripts) size += gzipSync(await answer.body(), { level: 9 }).length;
      if (size > heaviest[kind][1]) heaviest[kind] = [path, size];
      await page.close();
    }
    await context.close();
    const kib = ([path, size]) => `${(size / 1024).toFixed(1)} KiB (${path})`;
    const told = (list) => `p50 ${percentile(list, 0.5).toFixed(0)} ms, longest ${Math.max(...list).toFixed(0)} ms of ${list.length}`;
    console.log(`      note screen ${kib(heaviest.note)}, usable after ${told(times.note)}`);
    console.log(`      heaviest other ${kib(heaviest.other)}, usable after ${told(times.other)}`);
    assert.ok(heaviest.note[1] <= 150 * 1024 && heaviest.other[1] <= 20 * 1024);
    assert.ok(heaviest.note[1] > 0, "the scripts were seen");
  });
}
