"use strict";
// Undoes act_bench/explore/packing.py: base64 around zlib, and floats whose bytes lie by place.

async function inflated(text) {
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

async function inflatedShorts(text, Kind = Uint16Array) {
  return new Kind((await inflated(text)).buffer); // little-endian, as every browser's machine is
}

async function inflatedFloats(text) {
  const planes = await inflated(text);
  const count = planes.length / 4;
  const bytes = new Uint8Array(planes.length);
  for (let place = 0; place < 4; place++) {
    for (let i = 0; i < count; i++) bytes[4 * i + place] = planes[place * count + i];
  }
  return new Float32Array(bytes.buffer);
}
