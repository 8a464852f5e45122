// The SDK sends a start-call again on its own. Each number has a fault of its own, which the test in Python has made.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import SendblueAPI from 'sendblue';

const fromNumber = process.env.OFFHOOK_FROM_NUMBER;
const sdk = new SendblueAPI();
const startCall = (phoneNumber, client = sdk) =>
  client.post('/facetime/start-call', { body: { phoneNumber, fromNumber } });

// Each waits for half a second and a second; they do so together.
test('retries', { concurrency: true }, async (t) => {
  await Promise.all([
    t.test('a 429 is sent again', async () => {
      assert.equal((await startCall('+14155550101')).status, 'OK');
    }),
    t.test('after three times 503 it gives up', async () => {
      await assert.rejects(startCall('+14155550102'), SendblueAPI.InternalServerError);
    }),
    t.test('after three lost answers it gives up', async () => {
      await assert.rejects(startCall('+14155550103'), SendblueAPI.APIConnectionError);
    }),
    t.test('without retries it gives up at once', async () => {
      const once = new SendblueAPI({ maxRetries: 0 });
      await assert.rejects(startCall('+14155550104', once), SendblueAPI.APIConnectionError);
    }),
  ]);
});

test('refusals of the mock', async () => {
  await assert.rejects(startCall('no number'), SendblueAPI.BadRequestError);
  const stranger = new SendblueAPI({ apiSecret: 'wrong' });
  await assert.rejects(startCall('+14155550123', stranger), SendblueAPI.AuthenticationError);
});

const CLASSES = {
  400: SendblueAPI.BadRequestError,
  401: SendblueAPI.AuthenticationError,
  402: SendblueAPI.APIError,
  403: SendblueAPI.PermissionDeniedError,
  404: SendblueAPI.NotFoundError,
  409: SendblueAPI.ConflictError,
  422: SendblueAPI.UnprocessableEntityError,
  429: SendblueAPI.RateLimitError,
  500: SendblueAPI.InternalServerError,
};

for (const [status, expected] of Object.entries(CLASSES)) {
  test(`the class of an error with ${status}`, async () => {
    const once = new SendblueAPI({ maxRetries: 0 });
    await assert.rejects(startCall(`+14155550${status}`, once), (error) => {
      assert.equal(error.constructor, expected);
      assert.equal(error.status, Number(status));
      assert.match(error.message, /a fault of the test/);
      return true;
    });
  });
}
