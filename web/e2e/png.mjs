// Pictures of the browser: their pixels, and the same picture with few colours, so that a guide stays small.
import { deflateSync, inflateSync } from "node:zlib";

const signature = Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]);

/** Width, height and the bytes of red, green and blue of a picture of eight bits a colour, without an alpha or with one. */
export function pixels(png) {
  let [at, width, height, channels] = [8, 0, 0, 3];
  const data = [];
  while (at < png.length) {
    const length = png.readUInt32BE(at);
    const kind = png.toString("latin1", at + 4, at + 8);
    const body = png.subarray(at + 8, at + 8 + length);
    if (kind === "IHDR") {
      [width, height, channels] = [body.readUInt32BE(0), body.readUInt32BE(4), body[9] === 6 ? 4 : 3];
      if (body[8] !== 8 || (body[9] !== 2 && body[9] !== 6)) throw new Error(`a picture of kind ${body[9]} with ${body[8]} bits`);
    } else if (kind === "IDAT") data.push(body);
    at += length + 12;
  }
  const raw = inflateSync(Buffer.concat(data));
  const stride = width * channels;
  const rows = Buffer.alloc(stride * height);
  for (let row = 0; row < height; row += 1) {
    const filter = raw[row * (stride + 1)];
    for (let x = 0; x < stride; x += 1) {
      const left = x >= channels ? rows[row * stride + x - channels] : 0;
      const up = row > 0 ? rows[(row - 1) * stride + x] : 0;
      const corner = row > 0 && x >= channels ? rows[(row - 1) * stride + x - channels] : 0;
      const told = [0, left, up, (left + up) >> 1, paeth(left, up, corner)][filter] ?? 0;
      rows[row * stride + x] = (raw[row * (stride + 1) + 1 + x] + told) & 255;
    }
  }
  if (channels === 3) return { width, height, rgb: rows };
  const rgb = Buffer.alloc(width * height * 3);
  for (let one = 0; one < width * height; one += 1) rows.copy(rgb, one * 3, one * 4, one * 4 + 3);
  return { width, height, rgb };
}

function paeth(left, up, corner) {
  const guess = left + up - corner;
  const [a, b, c] = [Math.abs(guess - left), Math.abs(guess - up), Math.abs(guess - corner)];
  return a <= b && a <= c ? left : b <= c ? up : corner;
}

/** The same picture with at most so many colours (16 take half a byte a pixel, 256 a whole one). */
export function reduced(png, most) {
  const { width, height, rgb } = pixels(png);
  const counts = new Map();
  for (let at = 0; at < rgb.length; at += 3) {
    const colour = (rgb[at] << 16) | (rgb[at + 1] << 8) | rgb[at + 2];
    counts.set(colour, (counts.get(colour) ?? 0) + 1);
  }
  const palette = chosen(counts, most);
  const nearest = new Map();
  for (const colour of counts.keys()) nearest.set(colour, closest(palette, colour));
  const bits = palette.length <= 16 ? 4 : 8;
  const stride = Math.ceil((width * bits) / 8);
  const raw = Buffer.alloc((stride + 1) * height);
  for (let row = 0; row < height; row += 1) {
    for (let x = 0; x < width; x += 1) {
      const at = (row * width + x) * 3;
      const index = nearest.get((rgb[at] << 16) | (rgb[at + 1] << 8) | rgb[at + 2]);
      if (bits === 8) raw[row * (stride + 1) + 1 + x] = index;
      else raw[row * (stride + 1) + 1 + (x >> 1)] |= x % 2 === 0 ? index << 4 : index;
    }
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([bits, 3, 0, 0, 0], 8);
  const colours = Buffer.from(palette.flatMap((colour) => [colour >> 16, (colour >> 8) & 255, colour & 255]));
  return Buffer.concat([signature, chunk("IHDR", header), chunk("PLTE", colours), chunk("IDAT", deflateSync(raw, { level: 9, memLevel: 9 })), chunk("IEND", Buffer.alloc(0))]);
}

/** Colours that stand for all: the grounds, which are the most frequent, as they are, so that paper stays paper beside its
 *  shades; and of the rest the boxes of the median cut, each by its most frequent colour. */
function chosen(counts, most) {
  const sorted = [...counts].sort((a, b) => b[1] - a[1]);
  const grounds = sorted.slice(0, Math.floor(most * 0.4)).map(([colour]) => colour);
  const rest = sorted.slice(grounds.length);
  return rest.length === 0 ? grounds : [...grounds, ...cut(rest, most - grounds.length)];
}

function cut(counts, most) {
  let boxes = [counts];
  const spread = (box) => {
    const ranges = [16, 8, 0].map((shift) => {
      const values = box.map(([colour]) => (colour >> shift) & 255);
      return [Math.max(...values) - Math.min(...values), shift];
    });
    return ranges.sort((a, b) => b[0] - a[0])[0];
  };
  while (boxes.length < most) {
    const widest = boxes.map((box) => [box.length > 1 ? spread(box)[0] * Math.log2(1 + box.reduce((sum, [, count]) => sum + count, 0)) : 0, box]).sort((a, b) => b[0] - a[0])[0];
    if (widest[0] === 0) break;
    const box = widest[1];
    const shift = spread(box)[1];
    const values = box.map(([colour]) => (colour >> shift) & 255);
    const middle = (Math.max(...values) + Math.min(...values)) / 2;
    const halves = [box.filter(([colour]) => ((colour >> shift) & 255) <= middle), box.filter(([colour]) => ((colour >> shift) & 255) > middle)];
    boxes = [...boxes.filter((one) => one !== box), ...halves];
  }
  return boxes.map((box) => box.reduce((best, one) => (one[1] > best[1] ? one : best))[0]);
}

function closest(palette, colour) {
  const parts = (one) => [one >> 16, (one >> 8) & 255, one & 255];
  const [red, green, blue] = parts(colour);
  let [best, least] = [0, Infinity];
  for (const [index, own] of palette.entries()) {
    const [r, g, b] = parts(own);
    const distance = 2 * (r - red) ** 2 + 4 * (g - green) ** 2 + 3 * (b - blue) ** 2;
    if (distance < least) [best, least] = [index, distance];
  }
  return best;
}

function chunk(kind, body) {
  const whole = Buffer.alloc(body.length + 12);
  whole.writeUInt32BE(body.length, 0);
  whole.write(kind, 4, "latin1");
  body.copy(whole, 8);
  whole.writeUInt32BE(crc(whole.subarray(4, 8 + body.length)), 8 + body.length);
  return whole;
}

const table = Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value >>> 0;
});

function crc(bytes) {
  let value = 0xffffffff;
  for (const byte of bytes) value = table[(value ^ byte) & 255] ^ (value >>> 8);
  return (value ^ 0xffffffff) >>> 0;
}
