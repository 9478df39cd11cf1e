import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { LinkSimulator } from '#qkd';
import { type RunningKmes, startKmes } from '../../../n3iwf/cli/kme.ts';
import { readKmeConfig } from '../../../n3iwf/cli/kme-config.ts';
import { type ControlledKmes, handleControl } from '../../../n3iwf/cli/kme-control.ts';

const CONFIG = {
  nodes: [
    { kmeId: 'a', saeIds: ['one'] },
    { kmeId: 'b', saeIds: ['two'] },
  ],
  links: [{ between: ['a', 'b'], profile: 'laboratory', initialBits: 25_600 }],
};

let kmes: RunningKmes | undefined;
afterEach(async () => {
  await kmes?.close();
  kmes = undefined;
});

async function running(control: object): Promise<RunningKmes> {
  kmes = await startKmes(readKmeConfig({ ...CONFIG, control }, 'f'));
  return kmes;
}

async function ask(
  place: string,
  method: string,
  path: string,
  body?: string,
): Promise<{ status: number; body: Record<string, Record<string, unknown>> }> {
  const answer = await fetch(`${place}${path}`, { method, ...(body === undefined ? {} : { body }) });
  return { status: answer.status, body: JSON.parse(await answer.text()) };
}

describe('faults while the key managers run', () => {
  it('cut a link and join it, with the monitoring figures to see it by', async () => {
    const { controlPlace = '' } = await running({ port: 0 });
    const before = await ask(controlPlace, 'GET', '/links');
    expect(before.body['a:b']).toMatchObject({ up: true, synchronised: true });
    for (const figure of [
      'qber',
      'countsPerSecond',
      'receiverEfficiency',
      'rateBitsPerSecond',
      'availableMs',
    ])
      expect(before.body['a:b']![figure], figure).toBeTypeOf('number');
    const cut = await ask(controlPlace, 'POST', '/links/a:b/fault', '{"kind":"outage"}');
    expect(cut.body['a:b']).toMatchObject({ up: false, rateBitsPerSecond: 0 });
    const joined = await ask(controlPlace, 'DELETE', '/links/all/fault');
    expect(joined.body['a:b']!.up).toBe(true);
    const slow = await ask(controlPlace, 'POST', '/links/all/rate', '{"bitsPerSecond":7}');
    expect(slow.body['a:b']!.rateBitsPerSecond).toBe(7);
  });

  it('raise the error rate as an intruder does', async () => {
    const { controlPlace = '' } = await running({ port: 0 });
    const spied = await ask(controlPlace, 'POST', '/links/a:b/fault', '{"kind":"intrusion","qber":0.2}');
    expect(spied.body['a:b']).toMatchObject({ qber: 0.2, rateBitsPerSecond: 0 });
  });

  it('make a KME slow, and then silent', async () => {
    const all = await running({ port: 0 });
    const { controlPlace = '' } = all;
    const one = await all.client('one');
    expect((await ask(controlPlace, 'POST', '/kmes/a', '{"delayMs":150}')).body).toEqual({
      delayMs: 150,
      down: false,
    });
    const began = performance.now();
    expect((await one.encKeys('two')).ok).toBe(true);
    expect(performance.now() - began).toBeGreaterThan(140);
    await ask(controlPlace, 'POST', '/kmes/a', '{"down":true,"delayMs":0}');
    expect(await one.encKeys('two')).toMatchObject({
      ok: false,
      error: { kind: 'unreachable', mayHaveBurnt: true },
    });
    expect((await ask(controlPlace, 'GET', '/kmes')).body).toEqual({
      a: { delayMs: 0, down: true },
      b: { delayMs: 0, down: false },
    });
  });
});

describe('orders of faults', () => {
  it.each([
    ['GET', '/nothing', undefined, 404],
    ['POST', '/links/x:y/fault', '{"kind":"outage"}', 404],
    ['POST', '/links/%/fault', '{"kind":"outage"}', 404],
    ['POST', '/links/a:b/fault', '{"kind":"flood"}', 400],
    ['POST', '/links/a:b/fault', '{"kind":"outage","durationMs":-1}', 400],
    ['POST', '/links/a:b/fault', 'kind=outage', 400],
    ['POST', '/links/a:b/fault', undefined, 400],
    ['POST', '/links/a:b/rate', '{"bitsPerSecond":"much"}', 400],
    ['PUT', '/links/a:b/rate', '{"bitsPerSecond":1}', 405],
    ['POST', '/kmes/c', '{}', 404],
    ['DELETE', '/kmes/a', undefined, 405],
    ['POST', '/kmes/a', '{"delay":1}', 400],
    ['POST', '/kmes/a', `{"x":"${'y'.repeat(20_000)}"}`, 413],
  ])('refuse what they do not understand: %s %s %s', async (method, path, body, status) => {
    const { controlPlace = '' } = await running({ port: 0 });
    expect((await ask(controlPlace, method, path, body)).status).toBe(status);
    expect((await ask(controlPlace, 'GET', '/links')).body['a:b']!.up).toBe(true);
  });

  it('cannot be set by a page in a browser', async () => {
    const { controlPlace = '' } = await running({ port: 0 });
    const { status } = await fetch(`${controlPlace}/links`, { headers: { origin: 'http://example.com' } });
    expect(status).toBe(403);
  });

  it('can be set over a socket that only its owner may open', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'control-'));
    const path = join(folder, 'kme.sock');
    expect((await running({ path })).controlPlace).toBe(path);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const status = await new Promise((resolve) =>
      request({ socketPath: path, path: '/links' }, (answer) => resolve(answer.statusCode)).end(),
    );
    expect(status).toBe(200);
    await kmes?.close();
    kmes = undefined;
    expect(existsSync(path)).toBe(false);
    rmSync(folder, { recursive: true });
  });
});

describe('the rules behind the socket', () => {
  it('bring a link up to the present first, so that a fault begins now', () => {
    let now = 0;
    const simulator = new LinkSimulator('s', { rateBitsPerSecond: 1000, qberNoise: 0 });
    const controlled: ControlledKmes = {
      links: [{ name: 'l', simulator }],
      manners: new Map(),
      now: () => now,
    };
    handleControl(controlled, 'GET', '/links', undefined);
    now = 60_000;
    const { body } = handleControl(controlled, 'POST', '/links/l/fault', {
      kind: 'outage',
      durationMs: 1000,
    });
    expect(body).toMatchObject({ l: { up: false, availableBits: 60_000, observedMs: 60_000 } });
  });
});
