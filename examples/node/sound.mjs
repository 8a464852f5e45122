// Sound as samples: 16 bits, one channel, 16000 a second.

import { readFileSync } from 'node:fs';

export const RATE_HZ = 16_000;

/** The samples of a WAV file. */
export function wav(file) {
  const bytes = readFileSync(file);
  let at = 12;
  while (bytes.toString('latin1', at, at + 4) !== 'data') at += 8 + bytes.readUInt32LE(at + 4);
  const end = at + 8 + bytes.readUInt32LE(at + 4);
  return new Int16Array(bytes.buffer.slice(bytes.byteOffset + at + 8, bytes.byteOffset + end));
}

export function tone({ hz, ms }) {
  const samples = new Int16Array((RATE_HZ * ms) / 1000);
  return samples.map((_, n) => 6_000 * Math.sin((2 * Math.PI * hz * n) / RATE_HZ));
}

/** Knows whether the other side speaks, by the level of what it sends. */
export class Ear {
  #loud = 0;
  #lastLoud = null;
  #now = 0;

  /** Feed samples and their position in the stream; returns true once for each beginning of speech. */
  feed(samples, position) {
    this.#now = position + samples.length;
    const power = samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length;
    this.#loud = Math.sqrt(power) > 200 ? this.#loud + samples.length : 0;
    const begins = !this.speaking && this.#loud >= 0.06 * RATE_HZ;
    if (begins || (this.speaking && this.#loud > 0)) this.#lastLoud = this.#now;
    return begins;
  }

  /** Whether it has spoken within the last half second. */
  get speaking() {
    return this.#lastLoud !== null && this.#now - this.#lastLoud < RATE_HZ / 2;
  }
}
