/** Whatever the node writes or shows of an attach, at the most talkative level: no secret is in it, in no form. */
import { Writable } from 'node:stream';
import pino from 'pino';
import { describe, expect, it } from 'vitest';
import { metricsPage } from '../../n3iwf/admin/metrics.ts';
import { NodeView } from '../../n3iwf/admin/view.ts';
import { logFeed } from '../../n3iwf/journal/feed-log.ts';
import type { Log } from '../../n3iwf/log.ts';
import { presharedKey, World, type WorldOptions } from '../support/world.ts';

/** A log at level trace, and everything that was written to it. */
function traced(): { log: Log; written: () => string } {
  const pieces: Buffer[] = [];
  const stream = new Writable({
    write: (piece: Buffer, _encoding, done) => {
      pieces.push(piece);
      done();
    },
  });
  const log = pino({ level: 'trace', base: null }, stream) as unknown as Log;
  return { log, written: () => Buffer.concat(pieces).toString('latin1') };
}

/** The forms in which a secret could stand in a text. */
function formsOf(secret: Uint8Array): string[] {
  const octets = Buffer.from(secret);
  // Encoders of text may be out of step with the secret's first octet: inner parts of each phase are looked for.
  const phases = [0, 1, 2].map((skip) => octets.subarray(skip).toString('base64').slice(0, 16));
  return [
    octets.toString('latin1'),
    octets.toString('hex'),
    octets.toString('hex').toUpperCase(),
    [...octets].join(','),
    JSON.stringify(Object.fromEntries(octets.entries())).slice(1, -1),
    ...phases,
    ...phases.map((text) => text.replaceAll('+', '-').replaceAll('/', '_')),
  ];
}

interface Attach {
  readonly text: string;
  readonly secrets: readonly Uint8Array[];
}

/** An attach with everything that the node logs, feeds, shows and counts of it, and every secret that was in play. */
async function attach(options: WorldOptions): Promise<Attach> {
  const secrets: Uint8Array[] = [presharedKey];
  const keep = (secret: Uint8Array) => void secrets.push(Uint8Array.from(secret));
  const { log, written } = traced();
  const world = new World({
    ...options,
    log,
    keySeen: keep,
    observe: (event) => {
      if (event.type !== 'childSaEstablished') return;
      for (const { encr, integ } of [event.child.keysIn, event.child.keysOut])
        for (const key of [encr, integ]) if (key.length > 0) keep(key);
    },
    n2: (pdu) => {
      if (pdu.message === 'InitialContextSetupRequest') keep(pdu.ies.securityKey.bits);
      return pdu;
    },
  });
  logFeed(world.gateway.journal.feed, log);
  await world.register();
  await world.openSession();
  await world.ping();
  world.ue.ue.rekey(1);
  await world.settle();
  const { gateway } = world;
  const view = new NodeView({
    ...{
      gateway,
      nodeName: () => 'n3iwf',
      policy: () => '',
      startedMs: 0,
      wallMs: () => 0,
      draining: () => false,
    },
    ...{ keySupply: () => undefined, keyCounts: undefined, audit: undefined },
  });
  const loopDelay = () => ({ median: 0, p99: 0, most: 0 });
  const counted = {
    gateway,
    ikeEvents: new Map(),
    keyCounts: undefined,
    keySupply: () => undefined,
    loopDelay,
  };
  const shown = [view.status(), view.ue('#1'), view.sessions(), view.events(), await view.keys()];
  const text = [written(), JSON.stringify(shown), await metricsPage({ ...counted, uptime: () => 0 })].join(
    '\n',
  );
  world.loseAmf(); // an end with warnings is logged, too
  await world.settle();
  return { text: `${text}\n${written()}`, secrets };
}

describe('no secret is written or shown', () => {
  it.each([
    { auth: 'psk', ppk: 'none' },
    { auth: 'qkd', ppk: 'rfc8784' },
    { auth: 'qkd', ppk: 'rfc9867' },
    { auth: 'qkd', ppk: 'rfc9867', unknownKeys: true },
  ] as const)('of an attach with %o', async (options) => {
    const { text, secrets } = await attach(options);
    expect(secrets.length).toBeGreaterThan(options.auth === 'psk' ? 5 : 1);
    expect(text.length).toBeGreaterThan(1000);
    for (const secret of secrets) {
      expect(secret.length).toBeGreaterThanOrEqual(16);
      for (const form of formsOf(secret)) expect(text.includes(form)).toBe(false);
    }
  });

  it('would be seen, were one there', async () => {
    const secret = Uint8Array.from({ length: 32 }, (_, at) => at * 7);
    const { log, written } = traced();
    log.info({ octets: secret }, 'as an object');
    log.info({ hex: Buffer.from(secret).toString('hex') }, 'in hexadecimal');
    log.info({ text: `x${Buffer.from(secret).toString('base64')}` }, 'in base64');
    const hits = formsOf(secret).filter((form) => written().includes(form));
    expect(hits.length).toBeGreaterThanOrEqual(3);
  });

  it('while the log names UE, protocol and message of each step', async () => {
    const { text } = await attach({ auth: 'qkd', ppk: 'rfc9867' });
    const lines = text.split('\n').filter((line) => line.startsWith('{"level":20'));
    expect(lines.length).toBeGreaterThan(20);
    expect(lines.map((line) => JSON.parse(line))).toContainEqual(
      expect.objectContaining({
        ue: 1,
        from: 'UE',
        protocol: 'EAP',
        msg: 'EAP-Response/5G-NAS',
        detail: 'Registration request',
      }),
    );
  });
});
