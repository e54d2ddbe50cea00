// Stories of apps of others (SMART App Launch 2.2): registered, started from a patient's page, agreed to, read, taken back.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { createServer } from "node:http";
import { codeOf } from "./access.mjs";
import { createPatient, introduce, password, signIn, toEnd } from "./steps.mjs";
import { Server, freePort } from "./server.mjs";

const verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const challenge = createHash("sha256").update(verifier).digest("base64url");
const scopes = "launch launch/patient openid fhirUser offline_access patient/Condition.rs patient/Patient.r";
/** More than the story asks for: a person is asked for what the request wants, not for what the app may want. */
const registered = `${scopes} patient/Observation.rs user/*.rs`;

/** An app that listens: it remembers where it was called with which fields. */
async function listening() {
  const calls = [];
  const app = createServer((request, response) => {
    const url = new URL(request.url, "http://127.0.0.1");
    if (url.pathname !== "/favicon.ico") calls.push({ path: url.pathname, fields: Object.fromEntries(url.searchParams) });
    response.setHeader("Content-Type", "text/html; charset=utf-8").end("<title>app</title><p>app</p>");
  });
  const port = await freePort();
  await new Promise((resolve) => app.listen(port, "127.0.0.1", resolve));
  return { calls, address: `http://127.0.0.1:${port}`, end: () => app.close() };
}

export async function smartStories(story, { browser, binary }) {
  const server = new Server(binary, await freePort());
  const app = await listening();
  const fresh = async () => (await browser.newContext({ viewport: { width: 1440, height: 900 }, locale: "ja-JP" })).newPage();
  try {
    const links = {
      root: server.addUser("root", "管理 太郎", "administrator", "internal"),
      sato: server.addUser("sato", "佐藤 一郎", "physician", "internal"),
    };
    await server.start();
    const [root, sato] = [await fresh(), await fresh()];
    await introduce(root, server.address, "root", links.root);
    await introduce(sato, server.address, "sato", links.sato);
    let [secret, record, tokens] = ["", "", {}];
    const post = (path, fields) =>
      fetch(`${server.address}${path}`, {
        method: "POST",
        headers: { Authorization: `Basic ${Buffer.from(`chart:${secret}`).toString("base64")}`, "Content-Type": "application/x-www-form-urlencoded" },
        body: new URLSearchParams(fields),
      });
    const fhir = (path, token = tokens.access_token) => fetch(`${server.address}/fhir/R4/${path}`, { headers: { Authorization: `Bearer ${token}` } });
    const request = (more = {}) =>
      `${server.address}/oauth/authorize?${new URLSearchParams({
        response_type: "code", client_id: "chart", redirect_uri: `${app.address}/done`, scope: scopes, state: "s 1&2",
        aud: `${server.address}/fhir/R4`, code_challenge: challenge, code_challenge_method: "S256", nonce: "n-1", ...more,
      })}`;

    await story("SMART: the administrator registers an app on its page, and its secret is shown once", async () => {
      await root.goto(`${server.address}/account`);
      await root.fill("#factor-present", password);
      await root.click('form[action="/account/second-factor"] button');
      const factor = await root.locator("code.secret").textContent();
      await root.fill("#code", codeOf(factor));
      await root.click("main button.primary");
      await root.waitForSelector(".recovery");
      await signIn(root, server.address, "root", password);
      await root.waitForURL(/second-factor/);
      await root.fill("#code", codeOf(factor, 1));
      await root.click("main button.primary");
      await root.waitForURL(`${server.address}/`);
      await root.goto(`${server.address}/apps`);
      const fields = { id: "chart", name: "検査の図", redirects: `${app.address}/done`, launch: `${app.address}/launch`, scopes: registered };
      for (const [name, value] of Object.entries(fields)) await root.fill(`form[action="/apps"] input[name="${name}"]`, value);
      await root.selectOption('select[name="kind"]', "secret");
      await root.click('form[action="/apps"] button.primary');
      secret = (await root.locator("code.secret").textContent()).trim();
      assert.ok(secret.length >= 32);
      await root.goto(`${server.address}/apps`);
      assert.ok(!(await root.content()).includes(secret), "it is not shown again");
      await sato.goto(`${server.address}/apps`);
      assert.equal(await sato.locator('form[action="/apps"]').count(), 0, "others do not register apps");
    });

    await story("SMART: the app is started from the patient's page, and gets that patient when the person agrees", async () => {
      await createPatient(sato, server.address, { number: "S-1", name: "連携 花子", kana: "れんけい はなこ", birth: "1950-01-02" });
      record = sato.url();
      await sato.goto(`${server.address}/open?patient=S-1&encounter=V1`);
      await sato.waitForSelector(".cm-content");
      await toEnd(sato);
      await sato.keyboard.insertText("発熱と咳嗽。肺炎と診断した。");
      await sato.waitForSelector('#saved[data-state="saved"]', { timeout: 8000 });
      await sato.keyboard.press("Control+s");
      await sato.keyboard.press("Enter");
      await sato.waitForURL(/signed=/);
      await sato.goto(record);
      await sato.click('form[action="/apps/chart/launch"] button');
      await sato.waitForURL(`${app.address}/**`);
      const start = app.calls.find((call) => call.path === "/launch").fields;
      assert.equal(start.iss, `${server.address}/fhir/R4`);
      const configuration = await (await fetch(`${start.iss}/.well-known/smart-configuration`)).json();
      assert.equal(configuration.authorization_endpoint, `${server.address}/oauth/authorize`);
      await sato.goto(request({ launch: start.launch }));
      const page = await sato.locator("section.consent").textContent();
      assert.ok(page.includes("検査の図") && page.includes("連携 花子") && page.includes(app.address), page);
      assert.ok(!page.includes("Observation"), "what was not asked for is not agreed to");
      await sato.click('button[value="allow"]');
      await sato.waitForURL(`${app.address}/done**`);
      const { code, state, iss } = app.calls.findLast((call) => call.path === "/done").fields;
      assert.deepEqual([state, iss], ["s 1&2", server.address]);
      const redeem = () => post("/oauth/token", { grant_type: "authorization_code", code, redirect_uri: `${app.address}/done`, code_verifier: verifier });
      const given = await redeem();
      tokens = await given.json();
      assert.equal(given.status, 200, JSON.stringify(tokens));
      assert.equal(tokens.patient, record.split("/").pop());
      const claims = JSON.parse(Buffer.from(tokens.id_token.split(".")[1], "base64url").toString());
      assert.deepEqual([claims.sub, claims.aud, claims.nonce], ["sato", "chart", "n-1"]);
    });

    await story("SMART: the token reads that patient only, and only what was agreed to; who looked names the app", async () => {
      const bundle = await (await fhir(`Condition?patient=${tokens.patient}`)).json();
      assert.ok(bundle.total >= 1 && JSON.stringify(bundle).includes("肺炎"), JSON.stringify(bundle));
      const patient = await (await fhir(`Patient/${tokens.patient}`)).json();
      assert.equal(patient.name[0].text, "連携 花子");
      assert.equal((await fhir(`Observation?patient=${tokens.patient}`)).status, 403);
      assert.equal((await fhir("Condition?patient=1")).status, 403, "another patient");
      assert.equal((await fhir(`Patient/${tokens.patient}`, "x")).status, 401);
      await sato.goto(`${record}/who`);
      assert.match(await sato.locator("main").textContent(), /chart/);
    });

    await story("SMART: a refresh token is used once; a code and a launch are not used again; who does not agree says so", async () => {
      const refresh = () => post("/oauth/token", { grant_type: "refresh_token", refresh_token: tokens.refresh_token });
      const next = await (await refresh()).json();
      assert.equal((await fhir(`Patient/${tokens.patient}`, next.access_token)).status, 200);
      assert.equal((await refresh()).status, 400, "a second use ends everything");
      assert.equal((await fhir(`Patient/${tokens.patient}`, next.access_token)).status, 401);
      const launch = app.calls.find((call) => call.path === "/launch").fields.launch;
      await sato.goto(request({ launch }));
      assert.match(app.calls.at(-1).fields.error ?? "", /invalid_request/);
      // Started by itself, the app lets the person choose.
      await sato.goto(request());
      await sato.check(`input[name="patient"][value="${tokens.patient}"]`);
      await sato.click('button[value="deny"]');
      await sato.waitForURL(`${app.address}/done**`);
      assert.equal(app.calls.at(-1).fields.error, "access_denied");
    });

    await story("SMART: what was agreed to is taken back on the person's own page, and a disabled app gets nothing", async () => {
      await sato.goto(request());
      await sato.check(`input[name="patient"][value="${tokens.patient}"]`);
      await sato.click('button[value="allow"]');
      await sato.waitForURL(`${app.address}/done**`);
      const { code } = app.calls.at(-1).fields;
      tokens = await (await post("/oauth/token", { grant_type: "authorization_code", code, redirect_uri: `${app.address}/done`, code_verifier: verifier })).json();
      assert.equal((await fhir(`Patient/${tokens.patient}`)).status, 200);
      await sato.goto(`${server.address}/account`);
      await sato.click('form[action="/account/apps"] button');
      assert.equal((await fhir(`Patient/${tokens.patient}`)).status, 401);
      await root.goto(`${server.address}/apps`);
      await root.click('form[action="/apps/chart"] button[value="disable"]');
      await sato.goto(request());
      assert.ok(!sato.url().startsWith(app.address), "it is told here");
      assert.equal(await sato.locator('button[value="allow"]').count(), 0);
    });
    await Promise.all([root, sato].map((page) => page.context().close()));
  } finally {
    app.end();
    await server.end();
  }
}
