// Sendblue's API, as far as this application needs it. Where it is, and the keys, are in the environment.

/** Sendblue said no, so that nothing was done. */
export class Refused extends Error {}

/** A start-call was sent, and its answer was lost or means nothing: the telephone may ring, or not. */
export class StartUnknown extends Error {}

export class Sendblue {
  constructor(environment) {
    this.url = environment.SENDBLUE_API_BASE_URL ?? 'https://api.sendblue.co';
    this.line = environment.OFFHOOK_FROM_NUMBER;
    this.headers = {
      'content-type': 'application/json',
      'sb-api-key-id': environment.SENDBLUE_API_API_KEY,
      'sb-api-secret-key': environment.SENDBLUE_API_API_SECRET,
    };
  }

  /** Ring a number once; returns the right to join its channel. */
  async startCall(number) {
    try {
      return (await this.#post('/facetime/start-call', { phoneNumber: number, fromNumber: this.line })).agora;
    } catch (error) {
      throw error instanceof Refused ? error : new StartUnknown(error.message, { cause: error });
    }
  }

  /** Have events of a type posted to a URL of ours. */
  async register(type, url, secret) {
    await this.#post('/api/account/webhooks', { webhooks: [{ url, secret }], type });
  }

  async #post(path, body) {
    const response = await fetch(this.url + path, {
      method: 'POST',
      headers: this.headers,
      body: JSON.stringify(body),
    });
    const answer = await response.json();
    if (response.ok) return answer;
    const Problem = response.status < 500 ? Refused : Error;
    throw new Problem(`${path} was answered with ${response.status}: ${answer.message}`);
  }
}
