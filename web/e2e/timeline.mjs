// Stories of the timeline: ten years to an hour, what happened since a drug, a sheet of paper, and how long it takes to draw
// a record of many events. `--only timeline` takes a hundred thousand in, the ordinary run a few thousand.
import assert from "node:assert/strict";
import { mkdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { introduce, percentile } from "./steps.mjs";
import { Server, freePort } from "./server.mjs";

/** What a view of everything may take from the question to the picture, in ms. */
const allowed = 200;
const number = "TL-100";

/** Numbers that are the same in each run. */
function random(seed) {
  let state = seed;
  return () => {
    state = (state * 1664525 + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

const labs = [
  ["2160-0", "mg/dL", 0.85, 0.12], ["2823-3", "meq/L", 4.2, 0.3], ["2951-2", "meq/L", 140, 2], ["1742-6", "U/L", 22, 6], ["1920-8", "U/L", 24, 6], ["718-7", "g/dL", 13.4, 0.8],
  ["6690-2", "10*3/uL", 6.2, 1.4], ["777-3", "10*3/uL", 220, 30], ["1988-5", "mg/dL", 0.2, 0.4], ["4548-4", "%", 6.9, 0.5], ["3094-0", "mg/dL", 16, 4], ["3084-1", "mg/dL", 5.9, 0.7],
  ["2089-1", "mg/dL", 118, 18], ["2571-8", "mg/dL", 140, 40], ["1751-7", "g/dL", 4.1, 0.2], ["2345-7", "mg/dL", 132, 24],
];
const day = 86_400_000;

/** A bundle of FHIR about one person: laboratory values by the month, a stay with values by the hour, drugs, diagnoses, and a
 * glucose sensor for the rest of the events. */
function bundles(count) {
  const draw = random(20261129);
  const entries = [];
  const about = { reference: "Patient/p" };
  const begin = Date.UTC(2016, 11, 1);
  const end = Date.UTC(2026, 10, 28);
  const put = (resource) => entries.push({ resource: { ...resource, subject: about } });
  const normal = () => draw() + draw() + draw() - 1.5;
  const iso = (at) => `${new Date(at).toISOString().slice(0, 19)}+09:00`;
  let key = 0;
  const value = (code, unit, number, at, more = {}) => put({ resourceType: "Observation", id: `o${(key += 1)}`, status: "final", code: { coding: [{ system: "http://loinc.org", code }] }, effectiveDateTime: iso(at), valueQuantity: { value: Number(number.toPrecision(3)), unit, system: "http://unitsofmeasure.org", code: unit }, ...more });
  const started = Date.UTC(2024, 4, 1);
  for (let at = begin; at < end; at += 30 * day) {
    for (const [code, unit, middle, spread] of labs) {
      // The kidney gets worse after the drug of May 2024, so that the story can be told.
      const risen = code === "2160-0" && at > started ? 0.45 : code === "2823-3" && at > started ? 0.7 : 0;
      value(code, unit, Math.max(middle + risen + normal() * spread, middle * 0.2), at + 8.5 * 3_600_000);
    }
    value("8480-6", "mm[Hg]", 138 + normal() * 12 - (at > started ? 14 : 0), at + 9 * 3_600_000);
    value("8867-4", "/min", 72 + normal() * 8, at + 9 * 3_600_000);
  }
  const stay = Date.UTC(2026, 10, 10);
  for (let hour = 0; hour < 8 * 24; hour += 2) {
    value("8310-5", "Cel", 39.2 - Math.min(hour, 72) / 28 + normal() * 0.3, stay + hour * 3_600_000);
    value("2708-6", "%", 95 + normal() * 2, stay + hour * 3_600_000);
  }
  const drugs = [["アムロジピン錠5mg", begin, 1], ["メトホルミン塩酸塩錠250mg", Date.UTC(2018, 3, 1), 2], ["ロサルタンカリウム錠50mg", started, 1], ["ロスバスタチン錠2.5mg", Date.UTC(2020, 8, 1), 1]];
  for (const [name, from, tablets] of drugs) {
    for (let at = from; at < end; at += 30 * day) put({ resourceType: "MedicationDispense", id: `d${(key += 1)}`, status: "completed", medicationCodeableConcept: { text: name }, whenHandedOver: new Date(at).toISOString().slice(0, 10), daysSupply: { value: 30, code: "d", system: "http://unitsofmeasure.org" }, dosageInstruction: [{ text: `1回${tablets}錠 1日1回 朝食後` }] });
  }
  for (const [text, onset] of [["高血圧症", "2016-12-01"], ["2型糖尿病", "2018-04-01"], ["脂質異常症", "2020-09-01"]]) put({ resourceType: "Condition", id: `c${(key += 1)}`, clinicalStatus: { coding: [{ system: "http://terminology.hl7.org/CodeSystem/condition-clinical", code: "active" }] }, code: { text }, onsetDateTime: onset });
  for (let at = end - 15 * 60_000; entries.length < count; at -= 15 * 60_000) value("2339-0", "mg/dL", Math.max(52, 128 + 34 * Math.sin(at / 4.1e7) + normal() * 22), at);
  const patient = { resourceType: "Patient", id: "p", identifier: [{ value: number }], name: [{ text: "長谷 経子" }], gender: "female", birthDate: "1955-06-01" };
  const files = [];
  for (let from = 0; from < entries.length; from += 2000) files.push({ resourceType: "Bundle", type: "collection", entry: [{ resource: patient }, ...entries.slice(from, from + 2000)] });
  return { files, count: entries.length };
}

const ready = (page) => page.waitForSelector('#lanes[data-state="ready"]', { timeout: 20_000 });
const settled = async (page) => {
  await page.waitForLoadState("networkidle");
  await page.waitForTimeout(150);
};
/** Where the middle of a lane's picture is, by the lane's name; x is a part of the width. */
async function spot(page, name, part) {
  return page.evaluate(([name, part]) => {
    const label = [...document.querySelectorAll(".lanes-labels .lane")].find((one) => one.querySelector(".name").textContent === name);
    label?.scrollIntoView({ block: "center" });
    const [box, canvas] = [label.getBoundingClientRect(), document.querySelector(".lanes canvas").getBoundingClientRect()];
    return { x: canvas.left + part * canvas.width, y: box.top + box.height / 2 };
  }, [name, part]);
}

export async function timelineStories(story, { browser, binary, images, events = 100_000 }) {
  const server = new Server(binary, await freePort());
  const link = server.addUser("tl", "時系列 花子", "physician", "internal");
  const folder = join(server.data, "fhir");
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, locale: "ja-JP" });
  try {
    let held = 0;
    await story(`a record of ${events} events is taken in`, async () => {
      const { files, count } = bundles(events);
      mkdirSync(folder);
      files.forEach((bundle, place) => writeFileSync(join(folder, `${String(place).padStart(3, "0")}.json`), JSON.stringify(bundle)));
      const report = JSON.parse(server.run("import", "fhir", folder, "--report", "json"));
      rmSync(folder, { recursive: true });
      held = report.events;
      console.log(`      ${count} resources, ${held} events`);
      assert.equal(report.rejected, 0, JSON.stringify(report.diagnostics?.slice(0, 3)));
      assert.ok(held >= events, `${held} events`);
      server.run("access", "set", number, "--department", "internal");
      await server.start();
    });
    const page = await context.newPage();
    const complaints = [];
    page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
    page.on("pageerror", (error) => complaints.push(String(error)));
    await introduce(page, server.address, "tl", link);
    await page.goto(`${server.address}/?q=${number}`);
    const patient = await page.locator("section.patients tbody a", { hasText: "長谷 経子" }).first().getAttribute("href");

    await story("ten years of it are drawn, and nothing is left out in silence", async () => {
      const times = { door: [], shown: [], draw: [], bytes: [], page: [] };
      let told = null;
      for (let round = 0; round < 7; round += 1) {
        const began = performance.now();
        await page.goto(`${server.address}${patient}#t=${Math.round(Date.UTC(2016, 10, 28) / 1000)},${Math.round(Date.UTC(2026, 10, 29) / 1000)}`);
        if (round > 0) await page.reload();
        await ready(page);
        times.page.push(performance.now() - began);
        const found = await page.evaluate(() => {
          const entry = performance.getEntriesByType("resource").find((one) => one.name.includes("/lanes?"));
          const of = (name) => performance.getEntriesByName(name).map((one) => one.duration);
          return { door: entry.responseEnd - entry.requestStart, bytes: entry.transferSize, shown: of("tsumugi.lanes.shown")[0], draw: Math.max(...of("tsumugi.lanes.draw")), says: document.querySelector(".lanes-says").textContent };
        });
        for (const name of ["door", "bytes", "shown", "draw"]) times[name].push(found[name]);
        told = found.says;
      }
      const middle = (name) => percentile(times[name], 0.5).toFixed(1);
      console.log(`      ${told}`);
      console.log(`      page ${middle("page")} ms; the door ${middle("door")} ms, ${(percentile(times.bytes, 0.5) / 1024).toFixed(1)} KiB; drawn in ${middle("draw")} ms; from the question to the picture ${middle("shown")} ms`);
      const sum = Number(/全部で (\d+) 件/.exec(told)?.[1]);
      assert.ok(sum >= held, `${sum} of ${held} are counted`);
      const labels = await page.locator(".lanes-labels .lane .name").allTextContents();
      for (const name of ["クレアチニン", "ロサルタン", "高血圧症"]) assert.ok(labels.some((label) => label.includes(name)), `${name}: ${labels}`);
      if (events >= 100_000) assert.ok((await page.locator(".lanes-labels .heaped").count()) > 0, "what is aggregated says how many");
      assert.ok(percentile(times.shown, 0.5) <= allowed * (events >= 100_000 ? 1 : 2), `${middle("shown")} ms`);
    });

    await story("keys go from ten years to an hour, and the values are read out", async () => {
      await page.locator(".lanes-scroll").focus();
      await page.keyboard.press("1");
      await settled(page);
      const span = () => page.evaluate(() => Number(document.querySelector("#lanes").dataset.to) - Number(document.querySelector("#lanes").dataset.from));
      assert.ok(Math.abs((await span()) / (3652.5 * 86_400) - 1) < 0.01, `${await span()}`);
      await page.keyboard.press("7");
      await settled(page);
      assert.ok(Math.abs((await span()) - 86_400) < 10);
      for (let step = 0; step < 12; step += 1) await page.keyboard.press("+");
      assert.equal(await span(), 3600, "an hour is the shortest");
      await page.keyboard.press("0");
      await settled(page);
      await page.keyboard.press("6");
      await settled(page);
      let read = "";
      for (let step = 0; step < 40 && !/mg\/dL/.test(read); step += 1) {
        await page.keyboard.press("ArrowDown");
        read = await page.locator(".lanes-says").textContent();
      }
      assert.match(read, /\d{4}-\d{2}-\d{2}.*mg\/dL/, read);
      const first = read;
      await page.keyboard.press("ArrowLeft");
      assert.notEqual(await page.locator(".lanes-says").textContent(), first, "the mark before it");
    });

    await story("the creatinine since the drug was begun: two clicks", async () => {
      await page.locator(".lanes-scroll").focus();
      await page.keyboard.press("2");
      await settled(page);
      const at = await spot(page, "ロサルタン", 0.8);
      await page.mouse.click(at.x, at.y);
      await page.waitForSelector(".since-list button");
      await page.locator(".since-list button", { hasText: "クレアチニン" }).first().click();
      const words = await page.locator(".since-chart figcaption").textContent();
      assert.match(words, /クレアチニン 開始前 0\.\d+ \(n=\d+\) → 開始後 1\.\d+ \(n=\d+\) mg\/dL/, words);
      console.log(`      ${words}`);
      assert.ok((await page.locator(".since-svg a").count()) > 10);
      if (images) await shots(page, images, "timeline-since");
      await page.keyboard.press("Escape");
      assert.ok(await page.locator(".since").isHidden());
    });

    await story("a click leads to what came, with the value marked, and Back to the same window", async () => {
      const labels = ["クレアチニン"];
      await page.locator(".lanes-scroll").focus();
      await page.keyboard.press("3");
      await settled(page);
      const before = await page.evaluate(() => document.querySelector("#lanes").dataset.from);
      await page.waitForTimeout(300);
      for (const name of labels) {
        const place = await page.evaluate((name) => {
          const label = [...document.querySelectorAll(".lanes-labels .lane")].find((one) => one.querySelector(".name").textContent === name);
          label.scrollIntoView({ block: "center" });
          return label !== undefined;
        }, name);
        assert.ok(place);
      }
      await page.locator(".lanes-table > summary").click();
      await page.locator(".lanes-table button", { hasText: "クレアチニン" }).first().click();
      await page.locator(".lanes-one a").first().click();
      await page.waitForURL(/\/events\/\d+$/);
      assert.ok(await page.locator("#lit").isVisible());
      await page.goBack();
      await ready(page);
      assert.equal(await page.evaluate(() => document.querySelector("#lanes").dataset.from), before);
    });

    await story("it is one sheet of paper", async () => {
      const bytes = await page.pdf({ preferCSSPageSize: true });
      const sheets = (bytes.toString("latin1").match(/\/Type\s*\/Page[^s]/g) ?? []).length;
      assert.equal(sheets, 1);
      if (images) await sheet(page, images);
    });

    await story("on a phone it fits, and without scripts the server's picture stays", async () => {
      await page.setViewportSize({ width: 360, height: 740 });
      await page.goto(`${server.address}${patient}`);
      await ready(page);
      await settled(page);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth);
      assert.ok(wide <= 360, `${wide} px wide`);
      await page.setViewportSize({ width: 1440, height: 900 });
      const plain = await browser.newContext({ javaScriptEnabled: false, locale: "ja-JP" });
      await plain.addCookies(await context.cookies());
      const still = await plain.newPage();
      await still.goto(`${server.address}${patient}?range=1m`);
      assert.ok(await still.locator("svg.timeline").isVisible());
      await plain.close();
    });

    if (images) {
      await story("pictures of the timeline", async () => {
        await page.goto(`${server.address}${patient}`);
        await ready(page);
        await settled(page);
        await shots(page, images, "timeline-years");
        await page.locator(".lanes-scroll").focus();
        await page.keyboard.press("5");
        await settled(page);
        await shots(page, images, "timeline-month");
        await page.keyboard.press("7");
        await settled(page);
        await shots(page, images, "timeline-day");
      });
    }
    await story("the browser has no complaints about the timeline", async () => assert.deepEqual(complaints, []));
  } finally {
    await context.close();
    await server.end();
  }
}

/** The sheet as the printer gets it. */
async function sheet(page, images) {
  await page.setViewportSize({ width: 1047, height: 718 });
  await page.evaluate(() => window.dispatchEvent(new Event("beforeprint")));
  await page.emulateMedia({ media: "print" });
  await page.waitForTimeout(200);
  await page.screenshot({ path: join(images, "timeline-print.png") });
  await page.emulateMedia({ media: "screen" });
  await page.evaluate(() => window.dispatchEvent(new Event("afterprint")));
  await page.setViewportSize({ width: 1440, height: 900 });
}

/** A screen in light and dark, and as a phone shows it. */
async function shots(page, images, name) {
  mkdirSync(images, { recursive: true });
  for (const scheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme: scheme });
    await page.waitForTimeout(250);
    const path = join(images, `${name}-${scheme}.png`);
    await page.screenshot({ path });
    assert.ok(statSync(path).size <= 300 * 1024, `${path} is over 300 KiB`);
  }
  await page.emulateMedia({ colorScheme: "light" });
  await page.setViewportSize({ width: 360, height: 740 });
  await page.waitForTimeout(400);
  await page.screenshot({ path: join(images, `${name}-mobile.png`) });
  await page.setViewportSize({ width: 1440, height: 900 });
  await page.waitForTimeout(300);
}
