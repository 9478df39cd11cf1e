/** Strangers at the admin port of a real node: each is refused and stands in the log, and the node goes on. */
import { writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { NodeFolder, type NodeProcess } from '../../support/node-process.ts';

const token = 'a token of sixteen characters or more';
let folder: NodeFolder;
let node: NodeProcess;
let port: number;

beforeEach(async () => {
  folder = new NodeFolder();
  const tokenFile = join(folder.folder, 'token');
  writeFileSync(tokenFile, token);
  folder.configure({ admin: { address: '127.0.0.1', port: 0, tokenFile } });
  node = await folder.start();
  const url = () => /"url":"http:\/\/127\.0\.0\.1:(\d+)"/.exec(node.log())?.[1];
  await vi.waitFor(() => expect(url()).toBeDefined(), { timeout: 10_000 });
  port = Number(url());
}, 60_000);
afterEach(() => folder.close());

interface Ask {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** Asks as a program does that sends what it likes. @returns the status of the answer */
function ask({ method = 'GET', path = '/api/status', headers = {}, body = '' }: Ask): Promise<number> {
  return new Promise((resolve, reject) => {
    const own = {
      host: 'localhost',
      ...(body === '' ? {} : { 'content-length': `${body.length}` }),
      ...headers,
    };
    const asked = request({ host: '127.0.0.1', port, method, path, headers: own }, (answer) => {
      answer.resume();
      resolve(answer.statusCode ?? 0);
    });
    asked.on('error', reject);
    asked.end(body);
  });
}

/** A connection that says so much and then nothing more. @returns what came back until the node closed it */
function dawdle(words: string): Promise<string> {
  return new Promise((resolve) => {
    let answer = '';
    const socket = connect(port, '127.0.0.1', () => void socket.write(words));
    socket.on('data', (piece) => {
      answer += String(piece);
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve(answer));
  });
}

const own = { authorization: `Bearer ${token}` };
const strangers: readonly (readonly [string, Ask, number])[] = [
  ['no token', {}, 401],
  ['a wrong token', { headers: { authorization: 'Bearer another token than the right one' } }, 401],
  ['a page of another site', { headers: { ...own, origin: 'https://evil.example' } }, 403],
  ['a name that leads here', { headers: { ...own, host: 'evil.example' } }, 403],
  ['a way out of the pages', { path: '/../../etc/passwd' }, 404],
  [
    'a body that is too long',
    { method: 'POST', path: '/api/drain', headers: own, body: 'x'.repeat(20_000) },
    413,
  ],
  ['a method that is none of ours', { method: 'DELETE', headers: own }, 405],
];

it('are refused and logged, and whoever has the token is served', async () => {
  for (const [what, asked, status] of strangers) expect(await ask(asked), what).toBe(status);
  const logged = () =>
    [...node.log().matchAll(/"status":(\d+).*was refused/g)].map(([, status]) => Number(status));
  const wanted = [...new Set(strangers.map(([, , status]) => status))].sort();
  await vi.waitFor(() => expect([...new Set(logged())].sort()).toEqual(wanted), { timeout: 10_000 });
  expect(node.log()).not.toContain('another token than the right one');
  expect(await ask({ headers: own })).toBe(200);
  expect(await folder.ask('/status')).toMatchObject({ draining: false });
}, 60_000);

it('who never end are given up, while others are served', async () => {
  const body = dawdle(
    `POST /api/drain HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\nContent-Length: 9\r\n\r\n{`,
  );
  const head = dawdle('GET /metrics HTTP/1.1\r\nHost: localhost\r\nX-Slow: ');
  expect(await ask({ headers: own })).toBe(200);
  expect(await head).toMatch(/^HTTP\/1\.1 408/);
  expect(await body).not.toMatch(/^HTTP\/1\.1 200/);
  expect(await folder.ask('/status')).toMatchObject({ draining: false });
}, 60_000);

it('who ask very often do not fill the log', async () => {
  const started = performance.now();
  for (let times = 0; times < 300; times++) expect(await ask({})).toBe(401);
  const seconds = (performance.now() - started) / 1000;
  const lines = () => node.log().match(/"status":401/g)?.length ?? 0;
  await vi.waitFor(() => expect(lines()).toBeGreaterThan(0), { timeout: 10_000 });
  expect(lines()).toBeLessThan(seconds + 2);
}, 60_000);
