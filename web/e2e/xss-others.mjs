// Stories of hostile text that others bring in: who writes for a physician, who registers apps, apps, and other systems.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";

const redirect = "https://app.example/done";

/** `walk` is what the stories of hostile text share: people, what they look at and send, and the payloads. */
export async function otherStories(story, walk) {
  const { server, enter, open, look, send, shown, pages, payloads, parts, numbers } = walk;

  await story("hostile text: a note that is entered for a physician, and why it was sent back, are text", async () => {
    const hata = await enter("hata");
    for (const [at, part] of parts(payloads, 50).entries()) {
      const form = { patient: `X${at}`, encounter: "P1", addendum: "", base: "", physician: "doctor", action: "sign" };
      const signed = await send("hata", "/notes", { ...form, text: `咳あり。\n${part.join("\n")}` });
      assert.equal(signed.status(), 303, await signed.text());
      const document = Number(new URL(signed.headers().location, server.address).searchParams.get("entered"));
      shown(await open(pages.doctor, `/documents/${document}`), part, "document, unconfirmed");
      const returned = await send("doctor", `/confirmations/${document}`, { action: "return", version: "1", reason: part.slice(0, 8).join(" ").slice(0, 480) });
      assert.equal(returned.status(), 303, await returned.text());
      const [id] = numbers[at];
      const as_of = await open(pages.doctor, `/patients/${id}/as-of?at=${encodeURIComponent(today())}`);
      assert.ok(as_of.includes(numbers[at][1].trim()), "the name stands on the page of a past time");
    }
    for (const page of [pages.doctor, hata]) await open(page, "/confirmations");
    assert.ok((await open(hata, "/confirmations")).includes("__xss()"), "the reasons are shown");
  });

  await story("hostile text: names of apps are text where they are registered, started and agreed to", async () => {
    let accepted = 0;
    for (const [at, payload] of payloads.entries()) {
      const app = { id: `x${at}`, name: payload.slice(0, 100), redirects: redirect, launch: "https://app.example/launch", scopes: "launch launch/patient openid patient/*.rs", kind: "public" };
      accepted += (await send("root", "/apps", app)).status() < 400 ? 1 : 0;
    }
    assert.ok(accepted >= 190, `${accepted} names were accepted`);
    assert.ok((await open(pages.root, "/apps")).includes("__xss()"));
    await send("root", "/apps", { id: payloads[0], name: payloads[1], redirects: payloads[2], launch: payloads[3], scopes: payloads[4], kind: "keys", account: payloads[5], jwks: payloads[6] });
    assert.ok((await open(pages.doctor, `/patients/${numbers[0][0]}`)).includes("__xss()"), "they are started from a patient's page");
    const challenge = createHash("sha256").update("x".repeat(43)).digest("base64url");
    const fields = { response_type: "code", redirect_uri: redirect, scope: "launch/patient openid patient/*.rs", aud: `${server.address}/fhir/R4`, code_challenge: challenge, code_challenge_method: "S256" };
    const asked = (more) => `/oauth/authorize?${new URLSearchParams({ ...fields, ...more })}`;
    for (const [at, part] of parts(payloads, 8).entries()) {
      const words = part.join(" ").slice(0, 1500);
      const page = await open(pages.doctor, asked({ client_id: `x${at}`, state: words, nonce: words, q: words }));
      assert.ok(page.includes(payloads[at].slice(0, 100).trim()) || at > accepted, `consent ${at}`);
      await open(pages.doctor, asked({ client_id: words, state: "s" }));
      await open(pages.doctor, asked({ client_id: `x${at}`, redirect_uri: words, state: "s" }));
      await open(pages.doctor, `/oidc/callback?${new URLSearchParams({ code: words, state: words, error: words })}`);
    }
  });

  await story("hostile text: names, numbers, texts and values that other systems send are text", async () => {
    const token = readFileSync(join(server.data, "services.token"), "utf8").trim();
    for (const [at, part] of parts(payloads, 50).entries()) {
      const data = Buffer.from(`発熱あり。\n${part.join("\n")}`).toString("base64");
      const subject = { reference: `Patient/p${at}` };
      const resources = [
        { resourceType: "Patient", id: `p${at}`, identifier: [{ system: "urn:x", value: `IM-${at}` }], name: [{ text: part[3] }], gender: "female", birthDate: "1961-02-03" },
        { resourceType: "DocumentReference", id: `d${at}`, status: "current", subject, date: "2026-11-20T10:00:00+09:00", type: { text: part[9] }, content: [{ attachment: { contentType: "text/plain; charset=utf-8", title: part[5], data } }] },
        ...part.slice(0, 20).map((payload, number) => ({ resourceType: "Observation", id: `o${at}-${number}`, status: "final", subject, effectiveDateTime: "2026-11-20", code: { text: payload, coding: [{ system: payload, code: `c${number}`, display: payload }] }, valueString: payload })),
        ...part.slice(20, 30).map((payload, number) => ({ resourceType: "Condition", id: `c${at}-${number}`, subject, recordedDate: "2026-11-20", code: { text: payload }, note: [{ text: payload }] })),
      ];
      const body = JSON.stringify({ resourceType: "Bundle", type: "collection", entry: resources.map((resource) => ({ fullUrl: `urn:x:${resource.id}`, resource })) });
      const address = `${server.address}/import/fhir?dummy=true&file=${encodeURIComponent(part[0])}`;
      const sent = await fetch(address, { method: "POST", headers: { Authorization: `Bearer ${token}` }, body });
      const report = await sent.json();
      assert.ok(report.accepted > 1, JSON.stringify(report).slice(0, 2000));
      await open(pages.doctor, `/?q=IM-${at}`);
      const links = await pages.doctor.locator('main table a[href^="/patients/"]').evaluateAll((all) => all.map((one) => one.getAttribute("href")));
      assert.ok(links.length >= 1, `IM-${at} is in the list`);
      await open(pages.doctor, links[0]);
      const documents = await pages.doctor.locator('a[href^="/documents/"]').evaluateAll((all) => all.map((one) => one.getAttribute("href")));
      assert.ok(documents.length >= 1, `IM-${at} has a document`);
      const text = await open(pages.doctor, documents[0]);
      shown(text, part, "document that was sent");
      await open(pages.doctor, `${documents[0]}/print`);
      await open(pages.doctor, `${links[0]}/who`);
      await open(pages.doctor, `/open?patient=IM-${at}&encounter=V1`);
      await pages.doctor.waitForSelector(".cm-content");
      await look(pages.doctor, "editor beside what was sent");
    }
  });
}

/** The end of today, civil time. */
function today() {
  const now = new Date();
  const two = (number) => String(number).padStart(2, "0");
  return `${now.getFullYear()}-${two(now.getMonth() + 1)}-${two(now.getDate())}T23:59`;
}
