import { request } from 'node:http';
import { connect } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { plain } from '../../../n3iwf/admin/pages.ts';
import { type AdminListener, listenAdmin, type Refused } from '../../../n3iwf/io/admin-http.ts';

const pages = new Map([
  ['/metrics', async () => plain(200, 'numbers')],
  ['/broken', () => Promise.reject(new Error('no store'))],
]);
const limits = { requestMs: 1_000, headerOctets: 2_048, connections: 3 };
let listener: AdminListener;
let refusals: Refused[];
afterEach(() => listener.close());

async function open(address = '127.0.0.1'): Promise<void> {
  refusals = [];
  listener = await listenAdmin(
    { address, port: 0 },
    { pages, refused: (each) => void refusals.push(each) },
    limits,
  );
}

interface Answer {
  readonly status: number | undefined;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: string;
}

/** One request, its path sent as it is. */
function ask(
  path: string,
  options: { method?: string; headers?: Record<string, string>; body?: string } = {},
) {
  const { hostname, port } = new URL(listener.url);
  return new Promise<Answer>((resolve, reject) => {
    const outgoing = request(
      { host: hostname, port, path, method: options.method ?? 'GET', headers: options.headers ?? {} },
      (incoming) => {
        let body = '';
        incoming.on('data', (piece) => {
          body += String(piece);
        });
        incoming.on('end', () => resolve({ status: incoming.statusCode, headers: incoming.headers, body }));
      },
    );
    outgoing.on('error', reject);
    outgoing.end(options.body);
  });
}

/** Octets as they are, and all that comes back until the other end closes. */
function raw(text: string): Promise<string> {
  const { hostname, port } = new URL(listener.url);
  return new Promise((resolve) => {
    let heard = '';
    const socket = connect(Number(port), hostname, () => socket.write(text));
    socket.on('data', (piece) => {
      heard += String(piece);
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve(heard));
  });
}

describe('the admin port', () => {
  it('serves a page, with or without a query', async () => {
    await open();
    for (const path of ['/metrics', '/metrics?collect[]=x'])
      expect(await ask(path)).toMatchObject({
        status: 200,
        body: 'numbers\n',
        headers: { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' },
      });
    expect(refusals).toEqual([]);
  });

  it.each(['/', '/../etc/passwd', '/metrics/..', '//metrics', '/%6detrics', '/metrics%00', '/METRICS', '*'])(
    'knows no path %s',
    async (path) => {
      await open();
      expect((await ask(path)).status).toBe(404);
      expect(refusals).toMatchObject([{ method: 'GET', path, status: 404 }]);
    },
  );

  it.each(['POST', 'PUT', 'DELETE', 'HEAD', 'OPTIONS', 'TRACE'])('refuses %s', async (method) => {
    await open();
    const { status, headers } = await ask('/metrics', { method });
    expect({ status, allow: headers.allow }).toEqual({ status: 405, allow: 'GET' });
  });

  it.each([
    [{ origin: 'https://evil.example' }, 403],
    [{ 'sec-fetch-site': 'cross-site' }, 403],
    [{ host: 'evil.example' }, 403],
    [{ host: 'localhost:9464' }, 200],
    [{ host: '[::1]:9464' }, 200],
    [{ 'sec-fetch-site': 'none' }, 200],
    [{ 'content-length': '3' }, 413],
    [{ 'transfer-encoding': 'chunked' }, 413],
  ] as const)('answers %j with %i', async (headers, status) => {
    await open();
    const body = status === 413 ? { body: 'abc' } : {};
    expect((await ask('/metrics', { headers, ...body })).status).toBe(status);
    expect(refusals).toHaveLength(status === 200 ? 0 : 1);
  });
});

describe('the admin port, under strain', () => {
  it('refuses long headers and garbage', async () => {
    await open();
    expect(await raw(`GET /metrics HTTP/1.1\r\nHost: localhost\r\nX: ${'a'.repeat(4096)}\r\n\r\n`)).toMatch(
      /^HTTP\/1\.1 431/,
    );
    expect(await raw('\x16\x03\x01 this is no HTTP\r\n\r\n')).toMatch(/^HTTP\/1\.1 400/);
    expect(refusals.map(({ status }) => status)).toEqual([431, 400]);
  });

  it('gives a slow client up, and serves others meanwhile', async () => {
    await open();
    const slow = raw('GET /metrics HTTP/1.1\r\nHost: localhost\r\nX-Slow: ');
    expect((await ask('/metrics')).status).toBe(200);
    expect(await slow).toMatch(/^HTTP\/1\.1 408/);
  });

  it('answers 500 for a page that cannot be made, without saying why to strangers', async () => {
    await open();
    const { status, body } = await ask('/broken');
    expect(status).toBe(500);
    expect(body).not.toContain('no store');
  });

  it('says which place it cannot have', async () => {
    await open();
    const { port } = new URL(listener.url);
    const again = listenAdmin({ address: '127.0.0.1', port: Number(port) }, { pages, refused: () => {} });
    await expect(again).rejects.toThrow(`127.0.0.1:${port} cannot be had`);
  });

  it('takes any name where it listens on more than loopback', async () => {
    await open('0.0.0.0');
    expect((await ask('/metrics', { headers: { host: 'n3iwf.monitoring.svc:9464' } })).status).toBe(200);
  });
});
