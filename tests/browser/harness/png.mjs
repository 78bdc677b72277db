/** Packs the PNG of a page tighter than a browser does: flat colours repeat, which zlib sees best unfiltered. The pixels stay. */

import { crc32 as crcOf, deflateSync, inflateSync } from 'node:zlib';

const SIGNATURE = Buffer.from('89504e470d0a1a0a', 'hex');
const CHANNELS = { 2: 3, 6: 4 };

/** What each filter predicts from the pixel to the left, above, and above left (PNG specification, 9.2). */
const PREDICT = [
  () => 0,
  (left) => left,
  (_, up) => up,
  (left, up) => (left + up) >> 1,
  (left, up, upLeft) => {
    const guess = left + up - upLeft;
    const [toLeft, toUp, toUpLeft] = [Math.abs(guess - left), Math.abs(guess - up), Math.abs(guess - upLeft)];
    if (toLeft <= toUp && toLeft <= toUpLeft) return left;
    return toUp <= toUpLeft ? up : upLeft;
  },
];

/** @param {Buffer} png eight bits a channel, not interlaced */
export function repack(png) {
  const header = png.subarray(16, 29);
  const [width, height, channels] = [header.readUInt32BE(0), header.readUInt32BE(4), CHANNELS[header[9]]];
  if (header[8] !== 8 || !channels || header[12] !== 0) throw new Error('not a PNG as browsers make them');
  const opaque = withoutAlpha(unfilter(inflateSync(Buffer.concat([...dataOf(png)])), width * channels, height, channels), channels);
  const newHeader = Buffer.from(header);
  newHeader[9] = 2;
  return Buffer.concat([SIGNATURE, chunk('IHDR', newHeader), chunk('IDAT', deflateSync(unfiltered(opaque, width * 3, height), { level: 9, memLevel: 9 })), chunk('IEND', Buffer.alloc(0))]);
}

/** @param {Buffer} png */
function* dataOf(png) {
  for (let at = 8; at < png.length; at += 12 + png.readUInt32BE(at)) {
    if (png.toString('latin1', at + 4, at + 8) === 'IDAT') yield png.subarray(at + 8, at + 8 + png.readUInt32BE(at));
  }
}

function unfilter(data, stride, height, channels) {
  const out = Buffer.alloc(stride * height);
  for (let row = 0; row < height; row += 1) {
    const predict = PREDICT[data[row * (stride + 1)]];
    for (let x = 0; x < stride; x += 1) {
      const at = row * stride + x;
      out[at] = data[row * (stride + 1) + 1 + x] + predict(...around(out, at, x, row, stride, channels));
    }
  }
  return out;
}

/** Each row behind a 0, which says: as it is. */
function unfiltered(pixels, stride, height) {
  return Buffer.concat(Array.from({ length: height }, (_, row) => [Buffer.of(0), pixels.subarray(row * stride, (row + 1) * stride)]).flat());
}

function around(pixels, at, x, row, stride, channels) {
  const left = x >= channels;
  return [left ? pixels[at - channels] : 0, row ? pixels[at - stride] : 0, left && row ? pixels[at - stride - channels] : 0];
}

function withoutAlpha(pixels, channels) {
  return channels === 3 ? pixels : Buffer.from(pixels.filter((_, at) => at % 4 !== 3));
}

function chunk(type, data) {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const [length, crc] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  crc.writeUInt32BE(crcOf(body));
  return Buffer.concat([length, body, crc]);
}
