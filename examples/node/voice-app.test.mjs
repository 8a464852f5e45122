// Tests of the voice application. They need no Python: offhook's mock is controlled over HTTP.
//
//   offhook mock exec -- node --test

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe } from 'node:test';
import { story } from './story.mjs';

const NUMBER = '+14155550123';
const GREETING = readFileSync(new URL('greeting.wav', import.meta.url));

describe('the voice application', { concurrency: true }, () => {
  story('greets, answers when it is spoken to, and hangs up', async ({ tenant, app }) => {
    await tenant.clip('our-greeting.wav', GREETING);
    await tenant.callee(NUMBER, 'answer', { listen: 'quiet' }, { say: 'hello.wav' }, { listen: 'tone:880' });
    assert.equal(await app(NUMBER).outcome(), 'connected');
    const call = await tenant.until(NUMBER, 'finished');
    // On a busy machine this application may be late with a frame, so half of the clip is enough.
    const verdict = await tenant.heard(call, 'contains', { clip: 'our-greeting.wav', at_least: 0.5 });
    assert.ok(verdict.passed, verdict.explanation);
  });

  story('stops when it is spoken over', async ({ tenant, app }) => {
    const interrupts = { barge_in: { what: 'hello.wav', after_s: 0.3 } };
    await tenant.callee(NUMBER, 'answer', interrupts, { wait: 0.3 }, { listen: 'tone:880' });
    const running = app(NUMBER);
    const call = await tenant.until(NUMBER, 'finished');
    assert.equal((await tenant.heard(call, 'contains', { clip: 'greeting.wav', at_least: 0.8 })).passed, false);
    assert.equal(await running.outcome(), 'connected');
    assert.match(running.output[0], /^spoken over after/);
  });

  story('ends when the callee hangs up', async ({ tenant, app }) => {
    await tenant.callee(NUMBER, 'answer', { listen: 'speech' }, 'hang_up');
    const running = app(NUMBER);
    assert.equal(await running.outcome(), 'connected');
    assert.equal(running.output.at(-2), 'the callee has left');
    const call = await tenant.until(NUMBER, 'ended');
    const wav = await tenant.ask('GET', `/calls/${call.channel}/heard.wav`);
    assert.equal(wav.toString('latin1', 0, 4), 'RIFF');
  });

  story('does not dial twice when the answer is lost', async ({ tenant, app }) => {
    await tenant.callee(NUMBER, 'never_answer');
    const lost = await tenant.fault('lost_answer');
    const outcome = await app(NUMBER).outcome();
    assert.equal((await tenant.calls()).length, 1, 'the telephone must ring once');
    assert.equal(await lost.count(), 1);
    assert.equal(outcome, 'unknown');
  });

  story('learns from a webhook that the callee declined', async ({ tenant, app }) => {
    await tenant.callee(NUMBER, { decline: { after_s: 0.2 } });
    assert.equal(await app(NUMBER, { RING_S: 1 }).outcome(), 'declined');
    await tenant.waitFor({ kind: 'webhook', where: { type: 'call_log', status: 204 } });
  }, { call_log_reasons: true });

  story('ends when the call has lasted an hour', async ({ tenant, app }) => {
    await tenant.callee(NUMBER, 'answer', { listen: 'speech' });
    const running = app(NUMBER, { LISTEN_S: 3600 });
    await tenant.waitFor({ kind: 'callee', where: { code: 'heard_speech' } });
    await tenant.ask('POST', '/clock', { advance_s: 3600 }); // takes no time
    assert.equal(await running.outcome(), 'connected');
  });

  story('can be watched while it calls', async ({ tenant, app }) => {
    await tenant.callee(NUMBER, 'answer', { listen: 'speech' }, 'hang_up');
    app(NUMBER);
    const seen = [];
    for await (const { kind, fields } of tenant.events()) {
      if (kind === 'callee') seen.push(fields.code);
      if (kind === 'call' && fields.event === 'ended') break;
    }
    assert.deepEqual(seen.slice(0, 4), ['ringing', 'answered', 'listens', 'heard_speech']);
  });
});
