// What a program on the official SDK does, resource by resource. The environment leads it to the mock.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import SendblueAPI from 'sendblue';

const LINE = process.env.OFFHOOK_FROM_NUMBER;
const CALLEE = '+14155550123';
const CONTACT = '+14155550191';
const OTHER = '+14155550192';
const HOOK = 'http://127.0.0.1:9/hook';

const sdk = new SendblueAPI();

test('calls, for which the SDK has no method', async () => {
  const account = await sdk.get('/account');
  assert.equal(account.status, 'OK');
  const lines = await sdk.get('/api/lines');
  assert.deepEqual(lines.numbers, [LINE]);
  const body = { phoneNumber: CALLEE, fromNumber: LINE };
  const started = await sdk.post('/facetime/start-call', { body });
  assert.match(started.agora.channelName, /^ft_call_/);
});

test('bearer tokens', async () => {
  const minted = await sdk.auth.tokens.create({ expires_in_seconds: 60, phone_number: LINE });
  assert.deepEqual(minted.phone_numbers, [LINE]);
  // It cannot be combined with keys, and those of the environment count as well.
  const { SENDBLUE_API_API_KEY: key, SENDBLUE_API_API_SECRET: secret } = process.env;
  delete process.env.SENDBLUE_API_API_KEY;
  delete process.env.SENDBLUE_API_API_SECRET;
  const limited = new SendblueAPI({ accessToken: minted.token });
  Object.assign(process.env, { SENDBLUE_API_API_KEY: key, SENDBLUE_API_API_SECRET: secret });
  assert.deepEqual((await limited.get('/api/lines')).numbers, [LINE]);
  await assert.rejects(limited.get('/account'), SendblueAPI.PermissionDeniedError);
  await sdk.auth.tokens.revoke(minted.token_id);
  await assert.rejects(limited.get('/api/lines'), SendblueAPI.AuthenticationError);
});

test('lines', async () => {
  const state = await sdk.lines.getState();
  assert.deepEqual(state.data.map((line) => line.sendblue_number), [LINE]);
  // This version has no methods for these two.
  assert.equal((await sdk.get('/api/v2/lines/usage')).status, 'OK');
  const query = { number: CONTACT, sendblue_number: LINE };
  assert.equal((await sdk.get('/api/v2/lines/contact-status', { query })).number, CONTACT);
});

test('call forwarding', async () => {
  await sdk.lines.callForwarding.update(LINE, { forwarding_number: CONTACT });
  assert.equal((await sdk.lines.callForwarding.retrieve(LINE)).forwarding_number, CONTACT);
  await sdk.lines.callForwarding.delete(LINE);
  assert.equal((await sdk.lines.callForwarding.retrieve(LINE)).forwarding_number, null);
});

test('lookups', async () => {
  assert.equal((await sdk.lookups.lookupNumber({ number: CONTACT })).number, CONTACT);
});

test('TOTP', async () => {
  const { totp_secret: made } = await sdk.v2.totp.secrets.create({ label: 'door', secret: 'JBSWY3DPEHPK3PXP' });
  assert.match((await sdk.v2.totp.getCode(made.id)).code, /^[0-9]{6}$/);
  assert.deepEqual((await sdk.v2.totp.secrets.list()).totp_secrets.map((secret) => secret.id), [made.id]);
  await sdk.v2.totp.secrets.delete(made.id);
  assert.deepEqual((await sdk.v2.totp.secrets.list()).totp_secrets, []);
});

test('verified contacts', async () => {
  await sdk.verifiedContacts.create({ phone_number: CONTACT });
  assert.equal((await sdk.verifiedContacts.retrieve(CONTACT)).data.contact.phone_number, CONTACT);
  assert.deepEqual(
    (await sdk.verifiedContacts.list()).data.contacts.map((contact) => contact.phone_number),
    [CONTACT],
  );
});

test('seats', async () => {
  const seats = await sdk.v2.seats.list();
  assert.equal((await sdk.v2.seats.count()).count, seats.length);
  assert.deepEqual((await sdk.v2.seats.retrieve(seats[0].seat_id)).seat, seats[0]);
});

test('messages', async () => {
  const sent = await sdk.messages.send({ content: 'hello', number: CONTACT, from_number: LINE });
  assert.equal((await sdk.messages.getStatus({ handle: sent.message_handle })).content, 'hello');
  assert.equal((await sdk.messages.retrieve(sent.message_handle)).data.content, 'hello');
  const listed = await sdk.messages.list({ number: CONTACT });
  assert.deepEqual(listed.data.map((message) => message.message_handle), [sent.message_handle]);
  const shown = await sdk.typingIndicators.send({ number: CONTACT, from_number: LINE });
  assert.equal(shown.status, 'SENT');
});

test('media objects', async () => {
  assert.ok((await sdk.mediaObjects.upload({ media_url: 'https://example.com/image.png' })).mediaObjectId);
});

test('contacts', async () => {
  // The message above has made it a contact.
  const ann = { number: CONTACT, first_name: 'Ann', sendblue_number: LINE };
  await assert.rejects(sdk.contacts.create(ann), SendblueAPI.BadRequestError);
  await sdk.contacts.create({ ...ann, update_if_exists: true });
  await sdk.contacts.update(CONTACT, { first_name: 'Bea' });
  assert.equal((await sdk.contacts.retrieve(CONTACT)).contact.first_name, 'Bea');
  assert.equal((await sdk.contacts.optOut({ number: CONTACT, opted_out: true })).opted_out, true);
  await sdk.contacts.verify({ number: CONTACT });
  await sdk.contacts.bulk.create({ contacts: [{ phone: OTHER }] });
  assert.equal((await sdk.contacts.list()).length, (await sdk.contacts.count()).count);
  assert.equal((await sdk.contacts.bulk.delete({ contact_ids: [OTHER] })).amount, 1);
  await sdk.contacts.delete(CONTACT);
  await assert.rejects(sdk.contacts.retrieve(CONTACT), SendblueAPI.NotFoundError);
});

test('webhooks', async () => {
  await sdk.webhooks.create({ webhooks: [HOOK, { url: `${HOOK}/other`, secret: 's3cret' }], type: 'call_log' });
  assert.equal((await sdk.webhooks.list()).webhooks.call_log.length, 2);
  await sdk.webhooks.delete({ webhooks: [HOOK], type: 'call_log' });
  assert.equal((await sdk.webhooks.list()).webhooks.call_log[0].url, `${HOOK}/other`);
  await sdk.webhooks.update({ webhooks: { inbound_call: [HOOK] } });
  assert.deepEqual((await sdk.webhooks.list()).webhooks.inbound_call, [HOOK]);
});

// Older documentation has this path, and no SDK.
test('webhooks at their old path', async () => {
  const path = '/api/v2/account/webhooks';
  await sdk.post(path, { body: { webhooks: [HOOK] } });
  assert.deepEqual((await sdk.get(path)).webhooks.receive, [HOOK]);
  await sdk.delete(path, { body: { webhooks: [HOOK] } });
  await sdk.put(path, { body: { webhooks: { outbound: [HOOK] } } });
  assert.deepEqual((await sdk.get(path)).webhooks.outbound, [HOOK]);
});

test('events', async () => {
  const stream = await sdk.events.stream({ types: 'message.updated' });
  stream.controller.abort();
});
