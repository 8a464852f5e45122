// The control API of offhook's mock, as far as these tests need it; it needs fetch alone.

import { readFileSync } from 'node:fs';

/** What the mock answers instead of 2xx: `code` stays the same between versions, `message` is for people. */
export class MockRefused extends Error {
  constructor(status, { code, message }) {
    super(`${code}: ${message}`);
    Object.assign(this, { status, code });
  }
}

export class Mock {
  constructor({ control_url: url, control_token: token }) {
    this.url = url;
    this.headers = { authorization: `Bearer ${token}` };
  }

  /** The mock whose file the environment names. */
  static find(environment = process.env) {
    const file = environment.OFFHOOK_MOCK_FILE;
    if (!file) throw new Error('no mock runs: start the tests with `offhook mock exec -- node --test`');
    return new Mock(JSON.parse(readFileSync(file, 'utf8')));
  }

  /** Send a request; returns what JSON holds, or the bytes of a WAV file. */
  async ask(method, path, body, headers = { 'content-type': 'application/json' }) {
    const sent = body instanceof Uint8Array || body === undefined ? body : JSON.stringify(body);
    const response = await fetch(this.url + path, { method, body: sent, headers: { ...this.headers, ...headers } });
    const isWav = response.headers.get('content-type') === 'audio/wav';
    const answer = isWav ? Buffer.from(await response.arrayBuffer()) : await response.json();
    if (!response.ok) throw new MockRefused(response.status, answer.error);
    return answer;
  }

  /** Make a tenant: keys, lines, callees, faults and a journal of its own. */
  async tenant(options = {}) {
    return new Tenant(this, await this.ask('POST', '/tenants', options));
  }
}

export class Tenant {
  constructor(mock, { id, lines, environment }) {
    Object.assign(this, { mock, id, line: lines[0], environment });
    this.path = `/tenants/${id}`;
  }

  ask(method, path, body, headers) {
    return this.mock.ask(method, this.path + path, body, headers);
  }

  /** Say what the callee at a number does. */
  callee(number, ...steps) {
    return this.ask('PUT', `/callees/${number}`, { steps });
  }

  clip(name, wav) {
    return this.ask('PUT', `/clips/${name}`, wav, { 'content-type': 'audio/wav' });
  }

  async fault(name, args = {}) {
    const { id } = await this.ask('POST', '/faults', { name, arguments: args });
    return { count: async () => (await this.ask('GET', `/faults/${id}`)).count };
  }

  /** Wait until the callee has been `called`, has `answered`, `finished` its script, or the call has `ended`. */
  until(number, until, timeout_s = 30) {
    return this.ask('POST', `/callees/${number}/wait`, { until, timeout_s });
  }

  /** Wait until entries of the journal fulfil all criteria; returns the last of them. */
  async waitFor(criteria, timeout_s = 30) {
    return (await this.ask('POST', '/journal/wait', { ...criteria, timeout_s })).entry;
  }

  async journal(criteria = {}) {
    return (await this.ask('GET', `/journal?${new URLSearchParams(criteria)}`)).entries;
  }

  async calls() {
    return (await this.ask('GET', '/calls')).calls;
  }

  /** Ask what the callee heard; returns a verdict with `passed` and `explanation`. */
  heard({ channel }, question, details = {}) {
    return this.ask('POST', `/calls/${channel}/ask`, { question, ...details });
  }

  /** Yield the entries of the journal as they happen, those that are there already first. */
  async *events(criteria = {}, timeout_s = 30) {
    const query = new URLSearchParams({ since: -1, ...criteria });
    const headers = { ...this.mock.headers, accept: 'text/event-stream' };
    const signal = AbortSignal.timeout(1000 * timeout_s);
    const response = await fetch(`${this.mock.url}${this.path}/events?${query}`, { headers, signal });
    if (!response.ok) throw new MockRefused(response.status, (await response.json()).error);
    let text = '';
    for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
      const events = (text += chunk).split('\n\n');
      text = events.pop();
      for (const event of events) {
        const data = event.match(/^data: (.*)$/m);
        if (data) yield JSON.parse(data[1]);
      }
    }
  }

  remove() {
    return this.ask('DELETE', '');
  }
}
