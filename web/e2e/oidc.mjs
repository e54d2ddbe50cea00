// Stories of signing in at the hospital's own provider (OpenID Connect), against a small one in this process.
import assert from "node:assert/strict";
import { createHash, generateKeyPairSync, sign } from "node:crypto";
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { Server, freePort } from "./server.mjs";

/** A provider that vouches for whoever `says` names; `spoil` changes the claims of the next token. */
async function provider() {
  const issuer = `http://127.0.0.1:${await freePort()}`;
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const own = { issuer, says: {}, spoil: (claims) => claims, asked: [] };
  const codes = new Map();
  const signed = (claims) => {
    const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const text = `${part({ alg: "ES256", kid: "k-1", typ: "JWT" })}.${part(claims)}`;
    return `${text}.${sign("sha256", Buffer.from(text), { key: privateKey, dsaEncoding: "ieee-p1363" }).toString("base64url")}`;
  };
  const json = (response, status, value) => response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(value));
  const listener = createServer(async (request, response) => {
    const url = new URL(request.url, issuer);
    let body = "";
    for await (const piece of request) body += piece;
    own.asked.push(url.pathname);
    if (url.pathname === "/.well-known/openid-configuration") {
      return json(response, 200, { issuer, authorization_endpoint: `${issuer}/authorize`, token_endpoint: `${issuer}/token`, jwks_uri: `${issuer}/keys` });
    }
    if (url.pathname === "/keys") return json(response, 200, { keys: [{ ...publicKey.export({ format: "jwk" }), kid: "k-1", alg: "ES256", use: "sig" }] });
    if (url.pathname === "/authorize") {
      const given = Object.fromEntries(url.searchParams);
      const code = `c-${codes.size + 1}`;
      codes.set(code, given);
      const back = new URL(given.redirect_uri);
      for (const [name, value] of Object.entries({ code, state: given.state, iss: issuer })) back.searchParams.set(name, value);
      return response.writeHead(303, { Location: back.toString() }).end();
    }
    const fields = Object.fromEntries(new URLSearchParams(body));
    const given = codes.get(fields.code);
    codes.delete(fields.code);
    const fits = given && createHash("sha256").update(fields.code_verifier ?? "").digest("base64url") === given.code_challenge;
    if (url.pathname !== "/token" || !fits) return json(response, 400, { error: "invalid_grant" });
    const now = Math.floor(Date.now() / 1000);
    const claims = own.spoil({ iss: issuer, aud: "tsumugi", iat: now, exp: now + 300, nonce: given.nonce, ...own.says });
    return json(response, 200, { access_token: "x", token_type: "Bearer", id_token: signed(claims) });
  });
  await new Promise((resolve) => listener.listen(Number(new URL(issuer).port), "127.0.0.1", resolve));
  return Object.assign(own, { end: () => listener.close() });
}

export async function oidcStories(story, { browser, binary }) {
  const own = await provider();
  const server = new Server(binary, await freePort());
  const settings = join(server.data, "oidc.toml");
  writeFileSync(settings, `issuer = "${own.issuer}"\nclient_id = "tsumugi"\n[newcomers]\nrole = "nurse"\ndepartment = "internal"\n`);
  server.flags = ["--oidc", settings];
  const fresh = async () => (await browser.newContext({ viewport: { width: 1440, height: 900 }, locale: "ja-JP" })).newPage();
  try {
    server.addUser("sato", "佐藤 一郎", "physician", "internal");
    server.addUser("root", "管理 太郎", "administrator", "internal");
    await server.start();
    const enter = async (page, says, path = "/sign-in") => {
      own.says = says;
      await page.goto(`${server.address}${path}`);
      await page.click('a[href^="/oidc/sign-in"]');
    };

    await story("OIDC: who signs in at the hospital's provider is signed in here, and goes on where they wanted to", async () => {
      const page = await fresh();
      await enter(page, { sub: "1001", preferred_username: "sato", name: "佐藤 一郎" }, "/terms?q=a");
      await page.waitForURL(/\/terms\?q=a/);
      const cookies = await page.context().cookies();
      const cookie = cookies.find((one) => one.name === "tsumugi_session");
      assert.ok(cookie.httpOnly && cookie.sameSite === "Strict");
      await page.goto(`${server.address}/account`);
      assert.ok((await page.locator("main").textContent()).includes("sato"));
      await page.click('form[action="/sign-out"] button');
      await page.goto(`${server.address}/`);
      assert.match(page.url(), /sign-in/, "signed out here");
      await page.context().close();
    });

    await story("OIDC: the account stays with its person there; a newcomer gets the role of the settings", async () => {
      const page = await fresh();
      await enter(page, { sub: "2002", preferred_username: "sato", name: "別人" });
      await page.waitForURL(/oidc\/callback/);
      assert.equal(await page.locator(".mistake").count(), 1);
      await page.goto(`${server.address}/`);
      assert.match(page.url(), /sign-in/);
      await enter(page, { sub: "3003", preferred_username: "mori", name: "森 三郎" });
      await page.waitForURL(`${server.address}/`);
      await page.goto(`${server.address}/users`);
      assert.equal(await page.locator('form[action="/users"]').count(), 0, "no administrator");
      await page.context().close();
    });

    await story("OIDC: an account that administers is not opened by the provider alone", async () => {
      const page = await fresh();
      await enter(page, { sub: "4004", preferred_username: "root", name: "管理 太郎" });
      await page.waitForLoadState();
      await page.goto(`${server.address}/users`);
      assert.equal(await page.locator('form[action="/users"]').count(), 0);
      await page.context().close();
    });

    await story("OIDC: a token of another client, of another sign-in, over, or without a right signature signs nobody in", async () => {
      const spoilt = {
        "another client": (claims) => ({ ...claims, aud: "other" }),
        "another sign-in": (claims) => ({ ...claims, nonce: "x" }),
        "another issuer": (claims) => ({ ...claims, iss: "https://evil.example" }),
        over: (claims) => ({ ...claims, exp: claims.iat - 600, iat: claims.iat - 900 }),
      };
      for (const [what, spoil] of Object.entries(spoilt)) {
        own.spoil = spoil;
        const page = await fresh();
        await enter(page, { sub: "1001", preferred_username: "sato" });
        await page.waitForURL(/oidc\/callback/);
        await page.goto(`${server.address}/`);
        assert.match(page.url(), /sign-in/, what);
        await page.context().close();
      }
      own.spoil = (claims) => claims;
    });

    await story("OIDC: an answer of the provider is used once, and by the browser that began", async () => {
      const [mine, theirs] = [await fresh(), await fresh()];
      own.says = { sub: "1001", preferred_username: "sato" };
      const away = await mine.context().request.get(`${server.address}/oidc/sign-in`, { maxRedirects: 0 });
      const back = await fetch(away.headers().location, { redirect: "manual" });
      const answer = back.headers.get("location");
      assert.match(answer, /code=/);
      await theirs.goto(answer);
      assert.equal(await theirs.locator(".mistake").count(), 1, "another browser");
      await theirs.goto(`${server.address}/`);
      assert.match(theirs.url(), /sign-in/);
      await mine.goto(answer);
      await mine.goto(`${server.address}/`);
      assert.match(mine.url(), /sign-in/, "a state that came back in another browser is used up");
      await Promise.all([mine, theirs].map((page) => page.context().close()));
    });
  } finally {
    own.end();
    await server.end();
  }
}
