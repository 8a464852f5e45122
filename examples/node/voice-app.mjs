// A voice application: it rings a number over FaceTime, greets, answers when it is spoken to, stops when it is spoken
// over, and hangs up. The last line that it prints says how the call went.
//
//   node voice-app.mjs +14155550123

import { joinChannel } from './channel.mjs';
import { Sendblue, StartUnknown } from './sendblue.mjs';
import { tone, wav } from './sound.mjs';
import { Hooks } from './hooks.mjs';

const RING_MS = 1000 * Number(process.env.RING_S ?? 30);
const LISTEN_MS = 1000 * Number(process.env.LISTEN_S ?? 8);
/** How long after the call its call log is waited for. */
const LOG_MS = 10_000;

const greeting = wav(new URL('greeting.wav', import.meta.url));
const chime = tone({ hz: 880, ms: 800 });

async function converse(channel) {
  const said = await channel.play(greeting);
  console.log(said === 'whole' ? 'greeted' : `spoken over after ${said.afterMs} ms`);
  if (await channel.turn(LISTEN_MS)) {
    await channel.play(chime);
    console.log('answered');
  }
}

async function call(sendblue, hooks, number) {
  const grant = await sendblue.startCall(number);
  const channel = await joinChannel(sendblue.url, grant);
  process.once('SIGTERM', () => channel.leave());
  if (await channel.answered(RING_MS)) await Promise.race([converse(channel), channel.ended]);
  if (channel.calleeLeft) console.log('the callee has left');
  channel.leave();
  // That nobody answered is all that the channel says. The call log may know why, and may not come.
  const log = await hooks.callLog(grant.channelName, LOG_MS);
  return log?.disposition ?? 'no call log';
}

const sendblue = new Sendblue(process.env);
const hooks = new Hooks();
try {
  await sendblue.register('call_log', await hooks.listen(), hooks.secret);
  console.log(await call(sendblue, hooks, process.argv[2]));
} catch (error) {
  // Whether the telephone rings is not known: to dial again could ring a person twice.
  console.log(error instanceof StartUnknown ? 'unknown' : `failed: ${error.message}`);
  process.exitCode = 1;
} finally {
  hooks.close();
}
