/** A KME that answers what a test tells it to, and remembers what it was asked. */
import type { KmeRequest, KmeResponse, KmeTransport } from '#qkd';

type Answer = KmeResponse | Error;

export class FakeTransport implements KmeTransport {
  readonly requests: KmeRequest[] = [];
  readonly bodies: Uint8Array[] = [];
  #answers: Answer[];

  constructor(...answers: Answer[]) {
    this.#answers = answers;
  }

  async request(request: KmeRequest): Promise<KmeResponse> {
    this.requests.push(request);
    const answer = this.#answers.shift();
    if (answer === undefined) throw new Error('no answer is left');
    if (answer instanceof Error) throw answer;
    this.bodies.push(answer.body);
    return answer;
  }

  /** What was asked, as text. */
  get asked(): string[] {
    return this.requests.map(({ method, path, body }) =>
      [method, path, body === undefined ? '' : Buffer.from(body).toString()].join(' ').trim(),
    );
  }
}

export function jsonAnswer(status: number, value: unknown): KmeResponse {
  return { status, body: new TextEncoder().encode(JSON.stringify(value)) };
}

export function textAnswer(status: number, text: string): KmeResponse {
  return { status, body: new TextEncoder().encode(text) };
}
