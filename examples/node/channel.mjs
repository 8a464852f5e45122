// The sound of a call, through the PCM door of offhook's mock: one WebSocket, with JSON for events and binary messages
// of 20 ms. This door is there for tests alone. To talk to people, join the same grant with Agora's SDK, behind the
// same methods: `answered`, `play`, `turn`, `leave`.

import { Ear, RATE_HZ } from './sound.mjs';

/** The built-in one of node 22 and later, or that of the package ws. */
const Socket = globalThis.WebSocket ?? (await import('ws')).WebSocket;
const FRAME = RATE_HZ / 50;

/** Join the channel of a grant; resolves when we are in. */
export async function joinChannel(url, { appId, channelName, token, uid }) {
  const socket = new Socket(`${url.replace(/^http/, 'ws')}/relay/pcm`);
  socket.binaryType = 'arraybuffer';
  return new Promise((resolve, reject) => {
    const join = { type: 'join', app_id: appId, channel: channelName, token, uid };
    socket.onopen = () => socket.send(JSON.stringify(join));
    socket.onerror = (event) => reject(new Error(`cannot join at ${url}: ${event.message}`));
    socket.onmessage = ({ data }) => {
      const answer = JSON.parse(data);
      if (answer.type === 'welcome') resolve(new Channel(socket, answer.members));
      else reject(new Error(`cannot join: ${answer.message}`));
    };
  });
}

class Channel {
  calleeLeft = false;
  #socket;
  #ear = new Ear();
  #playing = null;
  #begun = performance.now();
  #position = 0;
  #timer = setInterval(() => this.#pace(), 20);
  #published = signal();
  #ended = signal();
  #turned = signal();

  constructor(socket, members) {
    this.#socket = socket;
    if (members.some(({ published }) => published)) this.#published.happens();
    socket.onmessage = ({ data }) => (typeof data === 'string' ? this.#hearOf(JSON.parse(data)) : this.#hear(data));
    socket.onclose = () => this.#end();
    socket.onerror = () => this.#end();
  }

  /** Resolves when the callee has left, or we have. */
  get ended() {
    return this.#ended.happened;
  }

  /** Whether the callee publishes sound before the time is over. That is the answer; a member without sound is not. */
  answered(withinMs) {
    return this.#before(withinMs, this.#published.happened);
  }

  /** Say something; resolves with 'whole', or with how much was said when the callee began to speak. */
  play(samples) {
    return new Promise((done) => (this.#playing = { samples, at: 0, done }));
  }

  /** Whether the callee speaks, and has stopped, before the time is over. What it says now counts. */
  turn(withinMs) {
    this.#turned = signal();
    return this.#before(withinMs, this.#turned.happened);
  }

  /** Hang up: that is to leave the channel. */
  leave() {
    if (this.#socket.readyState === 1) this.#socket.send('{"type": "leave"}');
    this.#end();
  }

  #hearOf({ type }) {
    if (type === 'published') this.#published.happens();
    if (type === 'left') {
      this.calleeLeft = true;
      this.leave();
    }
  }

  #hear(message) {
    const position = Number(new DataView(message).getBigUint64(4, true));
    const spoke = this.#ear.speaking;
    const begins = this.#ear.feed(new Int16Array(message.slice(12)), position);
    if (begins && this.#playing) this.#stop({ afterMs: (1000 * this.#playing.at) / RATE_HZ });
    if (spoke && !this.#ear.speaking) this.#turned.happens();
  }

  /** Send what is due: 20 ms of what is played, or of silence. */
  #pace() {
    while (this.#position < ((performance.now() - this.#begun) * RATE_HZ) / 1000) {
      const message = new ArrayBuffer(12 + 2 * FRAME);
      new DataView(message).setBigUint64(4, BigInt(this.#position), true);
      if (this.#playing) new Int16Array(message, 12).set(this.#next());
      this.#socket.send(message);
      this.#position += FRAME;
    }
  }

  #next() {
    const { samples, at } = this.#playing;
    this.#playing.at = Math.min(at + FRAME, samples.length);
    if (this.#playing.at === samples.length) this.#stop('whole');
    return samples.subarray(at, at + FRAME);
  }

  #stop(how) {
    this.#playing.done(how);
    this.#playing = null;
  }

  #before(ms, happened) {
    let timer;
    const late = new Promise((resolve) => (timer = setTimeout(resolve, ms, false)));
    const ended = this.ended.then(() => false);
    return Promise.race([happened, ended, late]).finally(() => clearTimeout(timer));
  }

  #end() {
    clearInterval(this.#timer);
    this.#socket.close();
    this.#ended.happens();
  }
}

function signal() {
  const made = {};
  made.happened = new Promise((resolve) => (made.happens = () => resolve(true)));
  return made;
}
