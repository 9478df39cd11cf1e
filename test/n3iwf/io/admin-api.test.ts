import { request } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { plain } from '../../../n3iwf/admin/pages.ts';
import { type AdminListener, listenAdmin, type Refused } from '../../../n3iwf/io/admin-http.ts';
import { consolePages } from '../../../n3iwf/io/console-files.ts';

const token = 'correct horse battery staple';
let listener: AdminListener;
let refusals: Refused[];
let asked: [string, string, unknown][];
afterEach(() => listener.close());

async function open(options: { token?: string; address?: string } = {}): Promise<void> {
  refusals = [];
  asked = [];
  const answer = async (method: string, url: string, body: unknown) => {
    asked.push([method, url, body]);
    return { status: url === '/none' ? 404 : 200, body: { did: method } };
  };
  listener = await listenAdmin(
    { address: options.address ?? '127.0.0.1', port: 0 },
    {
      pages: new Map([['/metrics', async () => plain(200, 'numbers')], ...consolePages()]),
      api: { answer, token: options.token },
      refused: (each) => void refusals.push(each),
    },
    { requestMs: 500, headerOctets: 2_048, connections: 8 },
  );
}

function ask(method: string, path: string, headers: Record<string, string> = {}, body?: string) {
  const { port } = new URL(listener.url);
  const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
  return new Promise<{ status: number | undefined; headers: Record<string, unknown>; body: string }>(
    (resolve, reject) => {
      const all = { ...length, ...headers };
      const outgoing = request({ host: '127.0.0.1', port, path, method, headers: all }, (incoming) => {
        let text = '';
        incoming.on('data', (piece) => {
          text += String(piece);
        });
        incoming.on('end', () =>
          resolve({ status: incoming.statusCode, headers: incoming.headers, body: text }),
        );
      });
      outgoing.on('error', reject);
      outgoing.end(body);
    },
  );
}

const bearer = (value: string) => ({ authorization: `Bearer ${value}` });
const outcome = async (method: string, path: string, headers: Record<string, string>, body?: string) =>
  (await ask(method, path, headers, body)).status;

describe('JSON requests with a token', () => {
  it('are done, with their query and body, for whoever shows it', async () => {
    await open({ token });
    expect(await ask('GET', '/api/events?since=5', bearer(token))).toMatchObject({
      status: 200,
      headers: { 'content-type': 'application/json' },
      body: '{"did":"GET"}\n',
    });
    expect(await outcome('POST', '/api/keys/quarantine', bearer(token), '{"sinceMs":1}')).toBe(200);
    expect(await outcome('GET', '/api/none', bearer(token))).toBe(404);
    expect(asked).toEqual([
      ['GET', '/events?since=5', undefined],
      ['POST', '/keys/quarantine', { sinceMs: 1 }],
      ['GET', '/none', undefined],
    ]);
    expect(refusals).toEqual([]);
  });

  it.each(['', 'Bearer ', 'Bearer wrong', `Basic ${token}`, `Bearer ${token}x`, `bearer ${token}`])(
    'are refused with "%s", and told to whoever watches',
    async (authorization) => {
      await open({ token });
      const headers = authorization === '' ? {} : { authorization };
      expect(await outcome('GET', '/api/status', headers)).toBe(401);
      expect(await outcome('POST', '/api/drain', headers, '{}')).toBe(401);
      expect(asked).toEqual([]);
      expect(refusals).toMatchObject([{ status: 401, path: '/api/status' }, { status: 401 }]);
    },
  );
});

describe('JSON requests without a configured token', () => {
  it('may look from this machine, and do nothing', async () => {
    await open();
    expect(await outcome('GET', '/api/status', {})).toBe(200);
    expect(await outcome('POST', '/api/drain', {}, '{}')).toBe(403);
    expect(await outcome('POST', '/api/drain', bearer(token), '{}')).toBe(403);
    expect(asked).toEqual([['GET', '/status', undefined]]);
  });

  it('may not even look where the port is open to others', async () => {
    await open({ address: '0.0.0.0' });
    expect(await outcome('GET', '/api/status', {})).toBe(403);
    expect(await outcome('GET', '/metrics', {})).toBe(200);
  });
});

describe('bodies and origins', () => {
  it.each([
    ['no JSON', '{', {}, 400],
    ['nothing', '', {}, 400],
    ['too long', `"${'x'.repeat(17_000)}"`, {}, 413],
    ['of another site', '{}', { origin: 'https://evil.example' }, 403],
    ['of another port of this machine', '{}', { origin: 'http://127.0.0.1:1' }, 403],
    ['of no site', '{}', { origin: 'null' }, 403],
    ['from a cross-site page', '{}', { 'sec-fetch-site': 'cross-site' }, 403],
  ] as const)('a body that is %s', async (_, body, headers, status) => {
    await open({ token });
    expect(await outcome('POST', '/api/drain', { ...bearer(token), ...headers }, body)).toBe(status);
    expect(asked).toEqual([]);
  });

  it('a page of the port itself may ask', async () => {
    await open({ token });
    const { port } = new URL(listener.url);
    const origin = { origin: `http://127.0.0.1:${port}`, 'sec-fetch-site': 'same-origin' };
    expect(await outcome('POST', '/api/drain', { ...bearer(token), ...origin }, '{}')).toBe(200);
  });

  it('a body without a length, or one that never ends, is not waited for', async () => {
    await open({ token });
    const chunked = { ...bearer(token), 'transfer-encoding': 'chunked' };
    expect(await outcome('POST', '/api/drain', chunked)).toBe(411);
    const begun = ask('POST', '/api/drain', { ...bearer(token), 'content-length': '100' }, '{').catch(() => ({
      status: 408,
    }));
    expect([400, 408]).toContain((await begun).status);
    expect(asked).toEqual([]);
  });
});

describe("the console's page", () => {
  it('is served with all that it loads, and loads nothing from elsewhere', async () => {
    await open();
    const page = await ask('GET', '/');
    expect(page.headers['content-security-policy']).toContain("default-src 'none'");
    const loaded = [...page.body.matchAll(/(?:src|href)="([^"#]+)"/g)].map(([, path]) => path ?? '');
    expect(loaded.length).toBeGreaterThan(2);
    for (const path of loaded) expect(await outcome('GET', `/${path}`, {})).toBe(200);
    expect(page.body).not.toMatch(/https?:\/\//);
  });

  it('has every module that its modules import', async () => {
    await open();
    for (const [path, page] of consolePages()) {
      if (!path.endsWith('.js')) continue;
      for (const [, name = ''] of (await page()).body.matchAll(/from '\.\/([\w-]+\.js)'/g))
        expect([...consolePages().keys()]).toContain(`/${name}`);
    }
  });
});
