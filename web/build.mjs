// Bundles the islands and the style sheet into web/dist, which is committed and embedded in the binary.
// `node build.mjs --check` fails when web/dist is not what the sources give, or a bundle is over its budget.
import { build } from "esbuild";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const here = dirname(fileURLToPath(import.meta.url));
const dist = join(here, "dist");
const check = process.argv.includes("--check");

// Bytes after gzip: the note screen may be 150 KiB, every other 20 KiB.
const budgets = { "note.js": 150 * 1024, "search.js": 20 * 1024, "page.js": 20 * 1024, "read.js": 20 * 1024, "review.js": 20 * 1024, "my.js": 20 * 1024, "timeline.js": 20 * 1024, "idle.js": 20 * 1024, "style.css": 20 * 1024 };

const result = await build({
  absWorkingDir: here,
  entryPoints: ["src/note.ts", "src/search.ts", "src/page.ts", "src/read.ts", "src/review.ts", "src/my.ts", "src/timeline.ts", "src/idle.ts", "style.css"],
  outdir: "dist",
  bundle: true,
  minify: true,
  format: "esm",
  target: ["chrome111", "firefox115", "safari16.4"],
  charset: "utf8",
  legalComments: "inline",
  write: false,
});
const files = result.outputFiles.map((file) => [file.path.split(/[\\/]/).pop(), Buffer.from(file.contents)]);
files.push(["icon.svg", readFileSync(join(here, "src/icon.svg"))]);

let failed = false;
mkdirSync(dist, { recursive: true });
for (const [name, bytes] of files) {
  const size = gzipSync(bytes, { level: 9 }).length;
  const budget = budgets[name];
  const over = budget !== undefined && size > budget;
  console.log(`${name}: ${bytes.length} bytes, ${size} gzipped${over ? `, over the budget of ${budget}` : ""}`);
  failed ||= over;
  const path = join(dist, name);
  if (check) {
    const same = existsSync(path) && readFileSync(path).equals(bytes);
    if (!same) console.error(`dist/${name} is not what the sources give: run npm run build`);
    failed ||= !same;
  } else {
    writeFileSync(path, bytes);
  }
}
process.exit(failed ? 1 : 0);
