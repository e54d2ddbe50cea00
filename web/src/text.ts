// Texts of the screen, put into the page by the server; no sentence stands in code.
const held: Record<string, string> = JSON.parse(document.getElementById("texts")?.textContent ?? "{}");

/** The text of a key; the key itself where the table lacks it (a test finds those). */
export function t(key: string): string {
  return held[key] ?? key;
}

/** The text of a key with `{name}` replaced. */
export function fill(key: string, values: Record<string, string | number>): string {
  return Object.entries(values).reduce((text, [name, value]) => text.replaceAll(`{${name}}`, String(value)), t(key));
}
