// A test with a tenant of its own, which starts the application as a child process. A test that fails says what the
// application printed, what the callees did, and what the mock saw.

import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { Mock } from './mock.mjs';

const mock = Mock.find();
/** How long an application that has nothing more to do may run. */
const END_MS = 30_000;

export function story(name, tell, settings = {}) {
  test(name, async () => {
    const tenant = await mock.tenant({ settings });
    const apps = [];
    const app = (number, environment = {}) => {
      apps.push(new App(number, { ...tenant.environment, ...environment }));
      return apps.at(-1);
    };
    try {
      await tell({ tenant, app });
      const unexpected = await tenant.journal({ kind: 'unexpected' });
      if (unexpected.length) throw new Error(`the mock has no such operation: ${unexpected[0].text}`);
    } catch (error) {
      const failed = new Error(`${error.message}\n\n${await report(tenant, apps)}`);
      const lines = error.stack.split('\n').filter((line) => /^ +at .*\.test\.mjs/.test(line));
      failed.stack = [failed.message, ...lines].join('\n');
      throw failed;
    } finally {
      await Promise.all(apps.map((one) => one.kill()));
      await tenant.remove();
    }
  });
}

class App {
  output = [];

  constructor(number, environment) {
    const { PATH } = process.env;
    // Without the settings of the mock's first tenant, which `offhook mock exec` sets.
    this.process = spawn(process.execPath, ['voice-app.mjs', number], {
      cwd: import.meta.dirname ?? new URL('.', import.meta.url).pathname,
      env: { PATH, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.process.stdout, this.process.stderr])
      createInterface({ input: stream }).on('line', (line) => this.output.push(line));
    this.closed = new Promise((resolve) => this.process.once('close', resolve));
  }

  /** Wait until it has ended; returns the last line that it printed, which says how the call went. */
  async outcome() {
    let timer;
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error(`the application still runs after ${END_MS / 1000} s`)), END_MS);
    });
    await Promise.race([this.closed, late]).finally(() => clearTimeout(timer));
    return this.output.at(-1);
  }

  async kill() {
    this.process.kill('SIGKILL');
    await this.closed;
  }
}

async function report(tenant, apps) {
  const lines = [];
  for (const app of apps) lines.push('the application printed:', ...app.output.map((line) => `  ${line}`));
  for (const { channel } of await tenant.calls()) {
    const call = await tenant.ask('GET', `/calls/${channel}`);
    lines.push(`the call to ${call.number} (${call.state}${call.end_text && `, ${call.end_text}`}):`);
    for (const { at_s, text } of call.callee?.history ?? []) lines.push(`  ${at_s?.toFixed(2) ?? '     '} s  ${text}`);
    for (const step of call.callee?.unfinished ?? []) lines.push(`  not done: ${step}`);
    if (call.problem) lines.push(`  ${call.problem}`);
  }
  lines.push('the mock saw:');
  const entries = (await tenant.journal()).slice(-20);
  for (const { at_s, kind, text } of entries) lines.push(`  ${at_s.toFixed(2)} s  ${kind}: ${text}`);
  return lines.join('\n');
}
