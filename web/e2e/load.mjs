// Physicians type while a hospital's records come in: one measured browser, the others scripted lines at human speed.
// Run by `cargo xtask load`, which makes the records. Settings by environment: TSUMUGI_LOAD_FOLDERS (DIR:STANDARD, separated
// by commas; empty: nothing comes in), TSUMUGI_LOAD_EDITORS (default 4), TSUMUGI_LOAD_SECONDS (default 60).
import assert from "node:assert/strict";
import WebSocket from "ws";
import { fact, introduce, password, percentile, textOf, toEnd } from "./steps.mjs";
import { Server, freePort } from "./server.mjs";

/** What the issue asks: 95 of 100 keys are answered within this, in ms. */
const asked = 100;
/** Characters a second of a scripted editor: a fast physician. */
const speed = 5;
const sentences = [
  "昨日から発熱あり。", "BT38.4、HR 104。", "咳嗽、呼吸困難なし。", "右季肋部痛あり、Murphy徴候陽性。", "WBC 12,300、CRP 8.5。",
  "アムロジピン5mg 1錠 分1 朝食後。", "母が糖尿病。", "胸部X線で浸潤影なし。", "肺炎は否定できない。", "3日前より食欲低下。", "下腿浮腫なし。", "明日採血予定。",
];

/** Posts a form as a page of ours does; gives the answer and the cookies it sets. */
async function post(server, path, fields, cookie = "") {
  const headers = { origin: server.address, "sec-fetch-site": "same-origin", cookie };
  const answer = await fetch(`${server.address}${path}`, { method: "POST", headers, body: new URLSearchParams(fields), redirect: "manual" });
  const set = answer.headers.getSetCookie().map((one) => one.split(";")[0]);
  return { status: answer.status, cookie: set.join("; ") };
}

/** Signs an account in without a browser; gives its cookie. */
async function enter(server, user, link) {
  const token = new URL(link, server.address).searchParams.get("token") ?? "";
  const chosen = await post(server, "/set-password", { token, password, again: password });
  assert.ok(chosen.status < 400, `the password of ${user} is set (${chosen.status})`);
  const signed = await post(server, "/sign-in", { user, password, next: "/" });
  assert.ok(signed.cookie !== "", `${user} signs in (${signed.status})`);
  return signed.cookie;
}

/** Types into a note over the line until told to stop; gives how long each answer took. */
function typist(server, cookie, patient, number) {
  const address = `${server.address.replace("http", "ws")}/ws?patient=${patient}&encounter=LOAD-${number}`;
  const socket = new WebSocket(address, { headers: { cookie, origin: server.address } });
  const times = [];
  const sent = new Map();
  let [text, rev, at, timer, failed] = ["", 0, 0, null, null];
  socket.on("message", (bytes) => {
    const heard = JSON.parse(String(bytes));
    if (heard.type === "error" || heard.type === "ended") failed = heard.message ?? heard.type;
    const began = sent.get(heard.rev);
    if (began === undefined) return;
    sent.delete(heard.rev);
    times.push(performance.now() - began);
  });
  const key = () => {
    const sentence = sentences[(number + Math.floor(at / 12)) % sentences.length];
    text += sentence[at % sentence.length] ?? "";
    at += 1;
    // A note of a visit, and then the next one.
    if (text.length > 1200) text = "";
    rev += 1;
    sent.set(rev, performance.now());
    socket.send(JSON.stringify({ type: "edit", rev, text }));
    if (rev % (2 * speed) === 0) socket.send(JSON.stringify({ type: "support", rev }));
  };
  const ready = new Promise((resolve, reject) => {
    socket.once("open", resolve);
    socket.once("error", reject);
  });
  return {
    ready,
    begin: () => (timer = setInterval(key, 1000 / speed)),
    end: () => {
      clearInterval(timer);
      socket.close();
      assert.equal(failed, null, `line ${number}: ${failed}`);
      return times;
    },
  };
}

/** The stories. */
export async function loadStories(story, { browser, binary }) {
  const folders = (process.env.TSUMUGI_LOAD_FOLDERS ?? "").split(",").filter((one) => one !== "");
  const others = Number(process.env.TSUMUGI_LOAD_EDITORS ?? 4);
  const seconds = Number(process.env.TSUMUGI_LOAD_SECONDS ?? 60);
  const flags = folders.flatMap((folder) => ["--watch", folder]);
  const server = new Server(binary, await freePort(), [...flags, "--watch-every", "1"]);
  const links = [];
  for (let number = 0; number <= others; number += 1) links.push(server.addUser(`load${number}`, `負荷 ${number}`, "physician", "internal"));
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, locale: "ja-JP" });
  try {
    await story(`${others + 1} physicians type for ${seconds} s while ${folders.length} folders come in`, async () => {
      await server.start();
      const page = await context.newPage();
      await introduce(page, server.address, "load0", links[0]);
      const typists = [];
      for (let number = 1; number <= others; number += 1) {
        const cookie = await enter(server, `load${number}`, links[number]);
        typists.push(typist(server, cookie, `D${String(1 + (number % 30)).padStart(3, "0")}`, number));
      }
      await Promise.all(typists.map((one) => one.ready));
      await page.goto(`${server.address}/open?patient=D001&encounter=LOAD-0`);
      await page.waitForSelector(".cm-content");
      await toEnd(page);
      await page.keyboard.insertText("65歳男性。昨日からの発熱と右季肋部痛。BT39.2、Murphy徴候陽性。\n".repeat(20));
      await fact(page, "発熱");
      await page.waitForTimeout(1200);
      await page.evaluate(() => performance.clearMeasures());
      for (const one of typists) one.begin();
      const until = performance.now() + 1000 * seconds;
      let expected = await textOf(page);
      while (performance.now() < until) {
        for (const letter of sentences[Math.floor(Math.random() * sentences.length)]) {
          await page.keyboard.insertText(letter);
          expected += letter;
          await page.waitForTimeout(1000 / speed);
        }
      }
      await page.waitForTimeout(500);
      assert.equal(await textOf(page), expected, "nothing typed is lost");
      const times = await page.evaluate(() => performance.getEntriesByName("tsumugi.highlight").map((entry) => entry.duration));
      const lines = typists.flatMap((one) => one.end());
      const told = (list) => `p50 ${percentile(list, 0.5).toFixed(1)} ms, p95 ${percentile(list, 0.95).toFixed(1)} ms, p99 ${percentile(list, 0.99).toFixed(1)} ms (${list.length})`;
      console.log(`      key press to highlight, measured browser: ${told(times)}`);
      if (lines.length > 0) console.log(`      answer of a line, ${others} others: ${told(lines)}`);
      if (folders.length > 0) {
        await server.kill();
        const held = server.run("doctor");
        console.log(held.split("\n").filter((line) => /statement|received|event|dead/i.test(line)).map((line) => `      ${line.trim()}`).join("\n"));
      }
      assert.ok(times.length > 2 * seconds, "most keys were painted");
      assert.ok(percentile(times, 0.95) <= asked, `95 of 100 keys within ${asked} ms`);
    });
  } finally {
    await context.close();
    await server.end();
  }
}
