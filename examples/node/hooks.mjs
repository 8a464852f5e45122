// Receives webhooks: checks their secret in constant time, and takes each call log once, however often it is posted.

import { randomBytes, timingSafeEqual } from 'node:crypto';
import { createServer } from 'node:http';

export class Hooks {
  secret = randomBytes(24).toString('hex');
  #logs = new Map();
  #server = createServer((request, response) => this.#take(request, response));

  /** Listen on this machine; returns the URL to register. An application in production has a public one. */
  async listen() {
    await new Promise((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${this.#server.address().port}/call_log`;
  }

  /** Resolves with the call log of a channel, which may be here already, or with null when the time is over. */
  callLog(channel, withinMs) {
    let timer;
    const late = new Promise((resolve) => (timer = setTimeout(resolve, withinMs, null)));
    return Promise.race([this.#log(channel).arrived, late]).finally(() => clearTimeout(timer));
  }

  close() {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #take(request, response) {
    const shown = Buffer.from(String(request.headers['sb-signing-secret']));
    const ours = Buffer.from(this.secret);
    let body = '';
    for await (const chunk of request) body += chunk;
    if (shown.length !== ours.length || !timingSafeEqual(shown, ours)) return response.writeHead(401).end();
    response.writeHead(204).end();
    const event = JSON.parse(body);
    if (event.event_type === 'call_log') this.#log(event.call_id).resolve(event);
  }

  #log(channel) {
    if (!this.#logs.has(channel)) {
      const log = {};
      log.arrived = new Promise((resolve) => (log.resolve = resolve));
      this.#logs.set(channel, log);
    }
    return this.#logs.get(channel);
  }
}
