// The server counts characters (Unicode scalar values), the editor UTF-16 units.

/** Turns a text's character offsets into UTF-16 offsets. */
export function toUtf16(text: string): (offset: number) => number {
  if (!/[\ud800-\udbff]/.test(text)) return (offset) => Math.min(offset, text.length);
  const places: number[] = [];
  let at = 0;
  for (const character of text) {
    places.push(at);
    at += character.length;
  }
  places.push(at);
  return (offset) => places[Math.min(offset, places.length - 1)] ?? at;
}
