import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { startKmes } from '../../../n3iwf/cli/kme.ts';
import { Announcer, type AnnouncerParts, MOST_WAITING } from '../../../n3iwf/cli/kme-announce.ts';
import { type KmeConfigInput, readKmeConfig } from '../../../n3iwf/cli/kme-config.ts';
import { listenAdmin } from '../../../n3iwf/io/admin-http.ts';
import { postAnnouncement } from '../../../n3iwf/io/announce-http.ts';
import { type ControlReply, listenControl } from '../../../n3iwf/io/control-http.ts';

/** What an announcer did, and how its gateway behaves. */
class Gateway implements AnnouncerParts {
  readonly name = 'the gateway';
  readonly mostIds = 3;
  readonly posts: { readonly peer: string; readonly keyIds: readonly string[]; readonly atMs: number }[] = [];
  readonly lines: string[] = [];
  answer: number | Error = 200;
  now = () => Date.now();
  random = () => 0.52;
  log = (line: string) => void this.lines.push(line);
  async post(peer: string, keyIds: readonly string[]): Promise<number> {
    this.posts.push({ peer, keyIds, atMs: Date.now() });
    if (this.answer instanceof Error) throw this.answer;
    return this.answer;
  }
}

let gateway: Gateway;
let announcer: Announcer;

/** A queue in front of a gateway, on a clock that the test moves. */
function withAnnouncer(): void {
  beforeEach(() => {
    vi.useFakeTimers({ now: 0 });
    gateway = new Gateway();
    announcer = new Announcer(gateway);
  });
  afterEach(() => {
    announcer.close();
    vi.useRealTimers();
  });
}

describe('the queue of announcements in front of a gateway', () => {
  withAnnouncer();

  test('tells IDs in order, in lots of one peer, and nothing before whoever drew has gone on', async () => {
    announcer.add('ue', ['1', '2', '3', '4']);
    announcer.add('other', ['5']);
    expect(gateway.posts).toEqual([]);
    await vi.advanceTimersByTimeAsync(10);
    expect(gateway.posts.map(({ peer, keyIds }) => [peer, ...keyIds])).toEqual([
      ['ue', '1', '2', '3'],
      ['ue', '4'],
      ['other', '5'],
    ]);
    expect([announcer.waiting, announcer.givenUp, gateway.lines]).toEqual([0, 0, []]);
  });

  test('has one request under way, however many keys are drawn meanwhile', async () => {
    let release: (status: number) => void = () => {};
    const post = vi.fn(() => new Promise<number>((resolve) => (release = resolve)));
    gateway.post = post;
    announcer.add('ue', ['1']);
    await vi.advanceTimersByTimeAsync(10);
    announcer.add('ue', ['2']);
    announcer.add('ue', ['3']);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(post).toHaveBeenCalledTimes(1);
    release(200);
    await vi.advanceTimersByTimeAsync(10);
    expect(post).toHaveBeenLastCalledWith('ue', ['2', '3']);
  });

  test('tries again after growing pauses while the gateway is away, tells so once, and when it is back', async () => {
    gateway.answer = new Error('ECONNREFUSED');
    announcer.add('ue', ['1', '2']);
    await vi.advanceTimersByTimeAsync(120_000);
    const gaps = gateway.posts.slice(1).map(({ atMs }, index) => atMs - (gateway.posts[index]?.atMs ?? 0));
    // 0.76 of 250 ms and its doubles, up to 30 s.
    expect(gaps.slice(0, 5)).toEqual([190, 380, 760, 1520, 3040]);
    expect(Math.max(...gaps)).toBe(22_800);
    expect(gateway.posts.length).toBeLessThan(15);
    expect(gateway.lines).toEqual([
      'the gateway takes no announcements of keys: ECONNREFUSED; tried again later',
    ]);
    gateway.answer = 200;
    await vi.advanceTimersByTimeAsync(30_000);
    expect(gateway.posts.at(-1)?.keyIds).toEqual(['1', '2']);
    expect(gateway.lines).toHaveLength(2);
    expect(gateway.lines[1]).toBe('the gateway takes announcements again; 0 were given up so far');
    expect(announcer.waiting).toBe(0);
  });
});

describe('a gateway that does not take announcements', () => {
  withAnnouncer();

  test.each([401, 403, 404, 500, 503])('a status of %i is tried again', async (status) => {
    gateway.answer = status;
    announcer.add('ue', ['1']);
    await vi.advanceTimersByTimeAsync(1000);
    expect(gateway.posts.length).toBeGreaterThan(1);
    expect(gateway.lines[0]).toContain(`status ${status}`);
  });

  test.each([400, 413, 422])('a status of %i gives that lot up, and the next goes out', async (status) => {
    gateway.answer = status;
    announcer.add('ue', ['1']);
    await vi.advanceTimersByTimeAsync(10);
    gateway.answer = 200;
    announcer.add('ue', ['2']);
    await vi.advanceTimersByTimeAsync(10);
    expect(gateway.posts.map(({ keyIds }) => keyIds)).toEqual([['1'], ['2']]);
    expect(announcer.givenUp).toBe(1);
    expect(gateway.lines).toEqual([`the gateway refuses an announcement of keys: status ${status}`]);
  });

  test('what is too much or too old is given up, the oldest first', async () => {
    gateway.answer = 503;
    const ids = Array.from({ length: MOST_WAITING + 5 }, (_, index) => String(index));
    announcer.add('ue', ids);
    expect([announcer.waiting, announcer.givenUp]).toEqual([MOST_WAITING, 5]);
    await vi.advanceTimersByTimeAsync(10);
    expect(gateway.posts[0]?.keyIds).toEqual(['5', '6', '7']);
    await vi.advanceTimersByTimeAsync(700_000);
    expect([announcer.waiting, announcer.givenUp]).toEqual([0, MOST_WAITING + 5]);
  });

  test('nothing is told after it is closed', async () => {
    announcer.add('ue', ['1']);
    announcer.close();
    announcer.add('ue', ['2']);
    await vi.advanceTimersByTimeAsync(1000);
    expect([gateway.posts, announcer.waiting]).toEqual([[], 0]);
  });
});

const pair = {
  nodes: [
    { kmeId: 'a', saeIds: ['ue', 'ue2'] },
    { kmeId: 'b', saeIds: ['gw'] },
  ],
  links: [{ between: ['a', 'b'] as [string, string], initialBits: 25_600 }],
} satisfies KmeConfigInput;

describe('KMEs that announce', () => {
  test('tell the gateway of the SAE for which keys are laid out, of the pairs that are configured, and answer meanwhile', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'announce-'));
    const socket = join(folder, 'gw.sock');
    const announce = [{ saeId: 'gw', masterSaeId: 'ue', socket }];
    const faults: string[] = [];
    const kmes = await startKmes(readKmeConfig({ ...pair, announce }, 'f'), {
      onFault: ({ message }) => void faults.push(message),
    });
    const ue = await kmes.client('ue');
    // Nobody listens yet: the answer does not wait for that.
    const first = await ue.encKeys('gw', 2);
    if (!first.ok) throw new Error(first.error.detail);
    await vi.waitFor(() => expect(faults).toHaveLength(1), { timeout: 10_000 });
    expect(faults[0]).toMatch(/the gateway of gw at .*gw\.sock takes no announcements of keys: .*ENOENT/);
    const told: unknown[] = [];
    const control = await listenControl({ path: socket }, (method, path, body): ControlReply => {
      told.push([method, path, body]);
      return { status: 200, body: {} };
    });
    const keyIds = first.value.map(({ keyId }) => keyId);
    await vi.waitFor(() => expect(told).toContainEqual(['POST', '/keys/announce', { peer: 'ue', keyIds }]), {
      timeout: 60_000,
      interval: 50,
    });
    // Another master, and another direction, are not of this row.
    expect((await (await kmes.client('ue2')).encKeys('gw')).ok).toBe(true);
    expect((await (await kmes.client('gw')).encKeys('ue')).ok).toBe(true);
    const last = await ue.encKeys('gw');
    if (!last.ok) throw new Error(last.error.detail);
    await vi.waitFor(() => expect(told).toHaveLength(2), { timeout: 60_000, interval: 50 });
    expect(told[1]).toEqual(['POST', '/keys/announce', { peer: 'ue', keyIds: [last.value[0]?.keyId] }]);
    await kmes.close();
    await control.close();
    rmSync(folder, { recursive: true });
  });

  test.each([
    [{ saeId: 'gw' }, 'announce.0: wants one of socket and url'],
    [{ saeId: 'gw', socket: 's', url: 'http://h' }, 'announce.0: wants one of socket and url'],
    [{ saeId: 'gw', url: 'http://h' }, 'announce.0: url wants tokenFile'],
    [{ saeId: 'gw', url: 'ftp://h', tokenFile: 't' }, 'announce.0.url'],
    [{ saeId: 'moon', socket: 's' }, 'announce: there is no SAE moon'],
    [{ saeId: 'gw', masterSaeId: 'moon', socket: 's' }, 'announce: there is no SAE moon'],
  ])('%j is refused: %s', (row, place) => {
    expect(() => readKmeConfig({ ...pair, announce: [row] }, 'f')).toThrow(place);
  });

  test('a token that cannot be read is told before anything listens', async () => {
    const announce = [{ saeId: 'gw', url: 'http://127.0.0.1:1', tokenFile: '/no/such/file' }];
    await expect(startKmes(readKmeConfig({ ...pair, announce }, 'f'))).rejects.toMatchObject({
      code: 'N3IWF_E_CONFIG',
      message: expect.stringContaining('announce.tokenFile'),
    });
  });
});

describe('an announcement to the admin port', () => {
  const body = { peer: 'ue', keyIds: ['x'] };

  test('shows the token, and is refused with another one', async () => {
    const told: unknown[] = [];
    const admin = await listenAdmin(
      { address: '127.0.0.1', port: 0 },
      {
        pages: new Map(),
        api: {
          answer: async (...request) => {
            told.push(request);
            return { status: 200, body: {} };
          },
          token: 'the token of the console',
        },
        refused: () => {},
      },
    );
    const place = { url: admin.url, token: 'the token of the console' };
    expect(await postAnnouncement(place, body, 10_000)).toBe(200);
    expect(told).toEqual([['POST', '/keys/announce', body]]);
    expect(await postAnnouncement({ ...place, token: 'another' }, body, 10_000)).toBe(401);
    expect(told).toHaveLength(1);
    await admin.close();
    await expect(postAnnouncement(place, body, 10_000)).rejects.toThrow(/ECONNREFUSED/);
  });

  test('a token file is read, without the end of its line', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'announce-'));
    const tokenFile = join(folder, 'token');
    writeFileSync(tokenFile, 'sixteen or more characters\n');
    const told: string[] = [];
    const admin = await listenAdmin(
      { address: '127.0.0.1', port: 0 },
      {
        pages: new Map(),
        api: {
          answer: async (_, url) => {
            told.push(url);
            return { status: 200, body: {} };
          },
          token: 'sixteen or more characters',
        },
        refused: () => {},
      },
    );
    const announce = [{ saeId: 'gw', url: admin.url, tokenFile }];
    const kmes = await startKmes(readKmeConfig({ ...pair, announce }, 'f'));
    await (await kmes.client('ue')).encKeys('gw');
    await vi.waitFor(() => expect(told).toEqual(['/keys/announce']), { timeout: 30_000, interval: 50 });
    await kmes.close();
    await admin.close();
    rmSync(folder, { recursive: true });
  });
});
