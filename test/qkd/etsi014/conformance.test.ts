import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  KmeNetwork,
  type KmeRequest,
  type KmeResponse,
  KmeServer,
  type KmeTransport,
  LinkSimulator,
  type ProbeReport,
  probeKme,
} from '#qkd';
import { jsonAnswer, textAnswer } from './fake-transport.ts';

type Twist = (request: KmeRequest, answer: () => KmeResponse) => KmeResponse;

/** A container of one key, whatever was asked. */
const ONE_KEY = (): KmeResponse =>
  jsonAnswer(200, {
    keys: [{ key_ID: 'bc490419-7d60-487f-adc1-4ddcc177c139', key: Buffer.alloc(32).toString('base64') }],
  });

const asIs: Twist = (_, answer) => answer();

/** Two of our own KMEs behind transports; `twist` stands in front of the first. */
function pair(
  twist: Twist = asIs,
  initialBits = 256 * 100,
): { transport: KmeTransport; peer: KmeTransport; network: KmeNetwork } {
  const nodes = [
    { kmeId: 'kme-a', saeIds: ['sae-a'] },
    { kmeId: 'kme-b', saeIds: ['sae-b'] },
  ];
  const network = new KmeNetwork(nodes, [
    { between: ['kme-a', 'kme-b'], simulator: new LinkSimulator('p', { initialBits, rateBitsPerSecond: 0 }) },
  ]);
  const at = (kmeId: string, saeId: string, change: Twist): KmeTransport => {
    const server = new KmeServer(kmeId, network, { maxKeyPerRequest: 16 });
    return {
      request: async (request) =>
        change(request, () => server.handle(saeId, { body: new Uint8Array(0), ...request }, 0)),
    };
  };
  return { transport: at('kme-a', 'sae-a', twist), peer: at('kme-b', 'sae-b', asIs), network };
}

async function probed(twist?: Twist, more: object = {}): Promise<ProbeReport> {
  const { transport, peer } = pair(twist);
  let now = 0;
  const target = { transport, peer, kmeId: 'kme-a', saeId: 'sae-a', peerSaeId: 'sae-b', now: () => now++ };
  return probeKme({ ...target, ...more });
}

function verdictOf(report: ProbeReport, words: string): string | undefined {
  return report.findings.find((finding) => finding.check.includes(words))?.verdict;
}

/** Checks that did not pass, as `verdict words`. */
function notPassed(report: ProbeReport): string[] {
  return report.findings
    .filter((finding) => finding.verdict !== 'pass')
    .map(({ verdict, check }) => `${verdict}: ${check}`);
}

/** What a KME does otherwise, a part of the check's name that shows it, and the verdict. */
const twists: readonly (readonly [string, string, string, Twist])[] = [
  [
    'a status without a member',
    'status has every member',
    'fail',
    (request, answer) =>
      request.path.endsWith('/status') ? jsonAnswer(200, { source_KME_ID: 'kme-a' }) : answer(),
  ],
  [
    'a status of another KME',
    'names the pair',
    'warn',
    (request, answer) => changedStatus(request, answer, { source_KME_ID: 'kme-x' }),
  ],
  [
    'limits that cannot be',
    'limits that fit',
    'fail',
    (request, answer) => changedStatus(request, answer, { min_key_size: 512 }),
  ],
  [
    '404 for an unknown key',
    'unknown key ID',
    'warn',
    (request, answer) => {
      const response = answer();
      return request.path.includes('dec_keys') && response.status === 400
        ? jsonAnswer(404, { message: 'gone' })
        : response;
    },
  ],
  [
    'other words for an unknown extension',
    'mandatory extension',
    'warn',
    (request, answer) =>
      Buffer.from(request.body ?? []).includes('extension_mandatory')
        ? jsonAnswer(400, { message: 'no' })
        : answer(),
  ],
  [
    'mandatory extensions left aside',
    'mandatory extension',
    'fail',
    (request, answer) =>
      Buffer.from(request.body ?? []).includes('extension_mandatory') ? ONE_KEY() : answer(),
  ],
  ['HTML everywhere', 'status has every member', 'fail', () => textAnswer(200, '<html>')],
  ['an inner fault everywhere', 'empty body', 'skip', () => jsonAnswer(500, { message: 'oops' })],
  [
    'keys of half the size',
    'number and size',
    'fail',
    (request, answer) =>
      Buffer.from(request.body ?? []).includes('"number":2')
        ? jsonAnswer(200, {
            keys: [17, 18].map((n) => ({
              key_ID: `bc490419-7d60-487f-adc1-4ddcc177c1${n}`,
              key: 'AAAAAAAAAAAAAAAAAAAAAA==',
            })),
          })
        : answer(),
  ],
  [
    'no GET',
    'by GET',
    'warn',
    (request, answer) =>
      request.method === 'GET' && request.path.includes('enc_keys') ? jsonAnswer(405, {}) : answer(),
  ],
];

describe('the probe', () => {
  it('passes our own KME in everything', async () => {
    const anonymous: KmeTransport = { request: () => Promise.reject(new Error('handshake failure')) };
    const report = await probed(asIs, { anonymous });
    expect(notPassed(report)).toEqual([]);
    expect(report.findings).toHaveLength(18);
    expect(report.medianMs).toBe(1);
  });

  it('counts the keys that it spends', async () => {
    const { transport, peer, network } = pair();
    const target = { kmeId: 'kme-a', saeId: 'sae-a', peerSaeId: 'sae-b', now: () => 0 };
    const report = await probeKme({ transport, peer, ...target });
    expect(report.keysSpent).toBe(network.counts().toMasters);
    expect(network.counts().toSlaves).toBe(1);
  });

  it('skips the round trip and the door without a certificate when it has no access to try', async () => {
    expect(notPassed(await probed(asIs, { peer: undefined }))).toEqual([
      'skip: refuses a client without a certificate',
      'skip: dec_keys gives the slave the same keys',
      'skip: dec_keys gives a key once',
    ]);
  });

  it('fails a KME that answers anybody', async () => {
    const { transport } = pair();
    expect(verdictOf(await probed(asIs, { anonymous: transport }), 'without a certificate')).toBe('fail');
  });

  it.each(twists)('%s: "%s" is a %s', async (_, check, verdict, twist) => {
    expect(verdictOf(await probed(twist), check)).toBe(verdict);
  });
});

describe('the probe of odd key managers', () => {
  it('fails a KME whose ends differ, and one that gives a key twice', async () => {
    let last: Uint8Array | undefined;
    const { transport, peer } = pair();
    const repeating: KmeTransport = {
      request: async (request) => {
        const response = await peer.request(request);
        if (response.status === 200) last = Uint8Array.from(response.body);
        return last === undefined ? response : { status: 200, body: Uint8Array.from(last) };
      },
    };
    const target = { kmeId: 'kme-a', saeId: 'sae-a', peerSaeId: 'sae-b', now: () => 0 };
    const twice = await probeKme({ transport, peer: repeating, ...target });
    expect(verdictOf(twice, 'gives a key once')).toBe('fail');
    const other = pair();
    const differing: KmeTransport = {
      request: async (request) => {
        const response = await other.peer.request(request);
        if (response.status !== 200) return response;
        return {
          status: 200,
          body: Buffer.from(
            Buffer.from(response.body)
              .toString()
              .replace(/"key":"..../, '"key":"AAAA'),
          ),
        };
      },
    };
    const report = await probeKme({ transport: other.transport, peer: differing, ...target });
    expect(verdictOf(report, 'the same keys')).toBe('fail');
  });

  it('warns of a slow one', async () => {
    let now = 0;
    expect(verdictOf(await probed(asIs, { now: () => (now += 200) }), 'fast enough')).toBe('warn');
  });
});

describe('the probe of anything that answers', () => {
  it('reports on anything that answers, and on what does not', async () => {
    const broken: KmeTransport = { request: () => Promise.reject(new Error('connect ECONNREFUSED')) };
    const report = await probed(asIs, { transport: broken });
    expect(verdictOf(report, 'status has every member')).toBe('fail');
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 100, max: 599 }),
        fc.uint8Array({ maxLength: 80 }),
        async (status, body) => {
          const noise: KmeTransport = { request: async () => ({ status, body: Uint8Array.from(body) }) };
          const findings = (await probed(asIs, { transport: noise, peer: noise })).findings;
          expect(findings).toHaveLength(18);
          expect(findings.some((finding) => finding.verdict === 'fail')).toBe(true);
        },
      ),
      { numRuns: 50 },
    );
  });

  it('shows no octet of a key', async () => {
    const bodies: string[] = [];
    const report = await probed((_, answer) => {
      const response = answer();
      bodies.push(Buffer.from(response.body).toString());
      return response;
    });
    const shown = JSON.stringify(report);
    const keys = bodies.flatMap((body) => [...body.matchAll(/"key":"([^"]+)"/g)].map(([, key]) => key!));
    expect(keys.length).toBeGreaterThan(4);
    for (const key of keys) expect(shown).not.toContain(key);
  });
});

/** Our status with other members. */
function changedStatus(request: KmeRequest, answer: () => KmeResponse, members: object): KmeResponse {
  const response = answer();
  if (!request.path.endsWith('/status')) return response;
  return jsonAnswer(200, { ...JSON.parse(Buffer.from(response.body).toString()), ...members });
}
