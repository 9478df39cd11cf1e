import { once } from 'node:events';
import { createServer as createHttpsServer } from 'node:https';
import { type AddressInfo, createServer } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  Etsi014Client,
  KmeNetwork,
  type KmeRequest,
  KmeServer,
  KmeTransportError,
  LinkSimulator,
  type ServerRequest,
} from '#qkd';
import {
  KmeHttpsTransport,
  type KmeListener,
  listenKme,
  namesOf,
  type TlsMaterial,
} from '../../../n3iwf/io/kme-https.ts';
import { TestAuthority } from '../../../n3iwf/io/test-authority.ts';

const STATUS: KmeRequest = { method: 'GET', path: '/api/v1/keys/sae-b/status' };
let authority: TestAuthority;
let kmeTls: TlsMaterial;
let saeTls: TlsMaterial;
const cleanups: (() => Promise<unknown> | undefined)[] = [];

beforeAll(async () => {
  authority = await TestAuthority.create();
  kmeTls = (await authority.issue({ commonName: 'kme-a' })).pem;
  saeTls = (await authority.issue({ commonName: 'sae-a' })).pem;
});

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** A KME that remembers who asked for what. */
class WatchedKme extends KmeServer {
  readonly seen: string[] = [];

  override handle(
    saeId: string | undefined,
    request: ServerRequest,
    now: number,
  ): ReturnType<KmeServer['handle']> {
    this.seen.push(`${saeId} ${request.method} ${request.path}`);
    return super.handle(saeId, request, now);
  }
}

async function kmeA(tls = kmeTls): Promise<{ kme: WatchedKme; listener: KmeListener }> {
  const network = new KmeNetwork(
    [
      { kmeId: 'kme-a', saeIds: ['sae-a'] },
      { kmeId: 'kme-b', saeIds: ['sae-b'] },
    ],
    [{ between: ['kme-a', 'kme-b'], simulator: new LinkSimulator('s', { initialBits: 25_600 }) }],
  );
  const kme = new WatchedKme('kme-a', network);
  const listener = await listenKme(kme, { address: '127.0.0.1', port: 0, tls, now: () => 0 });
  cleanups.push(() => listener.close());
  return { kme, listener };
}

function transportTo(
  url: string,
  more: Partial<{ kmeId: string; tls: TlsMaterial; timeoutMs: number }> = {},
): KmeHttpsTransport {
  const transport = new KmeHttpsTransport({ url, kmeId: 'kme-a', tls: saeTls, ...more });
  cleanups.push(async () => transport.close());
  return transport;
}

async function failureOf(transport: KmeHttpsTransport): Promise<KmeTransportError> {
  const error: unknown = await transport.request(STATUS).then(
    () => new Error('it answered'),
    (reason: unknown) => reason,
  );
  if (!(error instanceof KmeTransportError)) throw error;
  return error;
}

describe('connections to the KME over HTTPS', () => {
  it('[ETSI014 5.1] knows the SAE by its certificate on each request of one connection', async () => {
    const { kme, listener } = await kmeA();
    const client = new Etsi014Client(transportTo(listener.url), { keySizeBits: 256 });
    expect(await client.status('sae-b')).toMatchObject({ ok: true, value: { masterSaeId: 'sae-a' } });
    expect(await client.encKeys('sae-b', 3)).toMatchObject({ ok: true });
    expect(kme.seen).toEqual([
      'sae-a GET /api/v1/keys/sae-b/status',
      'sae-a POST /api/v1/keys/sae-b/enc_keys',
    ]);
  });

  it('tells clients that a connection may be idle for a minute', async () => {
    const { listener } = await kmeA();
    const { port } = new URL(listener.url);
    const head = await new Promise<string>((resolve, reject) => {
      const { certificate: cert, privateKey: key, authority: ca } = saeTls;
      const to = {
        host: '127.0.0.1',
        port: Number(port),
        cert,
        key,
        ca,
        checkServerIdentity: () => undefined,
      };
      const socket = connect(to, () => socket.write(`GET ${STATUS.path} HTTP/1.1\r\nHost: kme-a\r\n\r\n`));
      socket.once('data', (data) => {
        resolve(String(data));
        socket.destroy();
      });
      socket.once('error', reject);
    });
    expect(head).toMatch(/^HTTP\/1.1 200 /);
    expect(head).toMatch(/^keep-alive: timeout=60\r$/im);
  });
});

describe('the KME over HTTPS, and who may ask it', () => {
  it('answers 401 to an SAE that its certificate names and the KME does not know', async () => {
    const { listener } = await kmeA();
    const { pem } = await authority.issue({ commonName: 'mallory', dnsNames: ['sae-a'] });
    const client = new Etsi014Client(transportTo(listener.url, { tls: pem }), { keySizeBits: 256 });
    expect(await client.encKeys('sae-b')).toMatchObject({ ok: false, error: { kind: 'unauthorised' } });
  });

  it.each(['no certificate', 'a certificate of another authority', 'an expired certificate'])(
    'lets an SAE with %s not get to the KME',
    async (what) => {
      const { kme, listener } = await kmeA();
      const foreign = await TestAuthority.create('another');
      const { pem } =
        what === 'an expired certificate'
          ? await authority.issue({ commonName: 'sae-a', notAfter: new Date(Date.now() - 1000) })
          : await foreign.issue({ commonName: 'sae-a' });
      const tls = { ...pem, authority: authority.pem };
      if (what === 'no certificate') {
        const socket = connect({
          port: Number(new URL(listener.url).port),
          host: '127.0.0.1',
          ca: authority.pem,
          checkServerIdentity: () => undefined,
        });
        socket.on('error', () => {});
        socket.write('GET /api/v1/keys/sae-b/status HTTP/1.1\r\nhost: k\r\n\r\n');
        await new Promise((resolve) => socket.once('close', resolve));
      } else {
        const error = await failureOf(transportTo(listener.url, { tls }));
        expect(error).toMatchObject({ kind: 'unreachable', message: expect.stringContaining(listener.url) });
      }
      expect(kme.seen).toEqual([]);
    },
  );
});

describe('the KME over HTTPS, as a TLS server', () => {
  it('speaks no TLS below 1.2', async () => {
    const { listener } = await kmeA();
    const socket = connect({
      port: Number(new URL(listener.url).port),
      host: '127.0.0.1',
      ca: authority.pem,
      cert: saeTls.certificate,
      key: saeTls.privateKey,
      maxVersion: 'TLSv1.1',
      minVersion: 'TLSv1.1',
      ciphers: 'DEFAULT@SECLEVEL=0',
    });
    const [error] = await once(socket, 'error');
    expect(String(error)).toMatch(/protocol|version|alert/i);
  });
});

describe('the KME over HTTPS, as a server', () => {
  it('says in one line that an address is busy', async () => {
    const { kme, listener } = await kmeA();
    const port = Number(new URL(listener.url).port);
    await expect(listenKme(kme, { address: '127.0.0.1', port, tls: kmeTls, now: () => 0 })).rejects.toThrow(
      `KME kme-a cannot listen on 127.0.0.1:${port}: listen EADDRINUSE`,
    );
  });

  it('closes while connections are kept open', async () => {
    const { listener } = await kmeA();
    const transport = transportTo(listener.url);
    await transport.request(STATUS);
    await listener.close();
    expect(await failureOf(transport)).toMatchObject({ kind: 'unreachable' });
  });

  it('takes no endless request', async () => {
    const { kme, listener } = await kmeA();
    const body = new Uint8Array(100_000);
    const transport = transportTo(listener.url);
    await expect(
      transport.request({ method: 'POST', path: '/api/v1/keys/sae-b/enc_keys', body }),
    ).rejects.toThrow(listener.url);
    expect(kme.seen).toEqual([]);
  });
});

describe('the client over HTTPS, and whom it believes', () => {
  it('[ETSI014 5.1] refuses a KME of another name before it asks anything', async () => {
    const { kme, listener } = await kmeA(
      (await authority.issue({ commonName: 'kme-evil', dnsNames: ['kme-b'] })).pem,
    );
    const error = await failureOf(transportTo(listener.url));
    expect(error).toMatchObject({ kind: 'wrong-kme', sent: false });
    expect(error.message).toBe(`KME kme-a at ${listener.url}: its certificate names kme-evil, kme-b`);
    expect(kme.seen).toEqual([]);
  });

  it('accepts the name as a subject alternative name', async () => {
    const { listener } = await kmeA((await authority.issue({ commonName: 'host', dnsNames: ['kme-a'] })).pem);
    expect((await transportTo(listener.url).request(STATUS)).status).toBe(200);
  });

  it('refuses a KME whose certificate is of another authority', async () => {
    const foreign = await TestAuthority.create('another');
    const { kme, listener } = await kmeA((await foreign.issue({ commonName: 'kme-a' })).pem);
    const error = await failureOf(transportTo(listener.url));
    expect(error).toMatchObject({ kind: 'wrong-kme', sent: false });
    expect(error.message).toContain(`${listener.url}: its certificate is not accepted: `);
    expect(kme.seen).toEqual([]);
  });
});

describe('the client over HTTPS, when no answer comes', () => {
  it('names the URL of a KME that cannot be reached', async () => {
    const probe = createServer().listen(0, '127.0.0.1');
    await once(probe, 'listening');
    const { port } = probe.address() as AddressInfo;
    probe.close();
    const url = `https://127.0.0.1:${port}`;
    const error = await failureOf(transportTo(url));
    expect(error).toMatchObject({ kind: 'unreachable', sent: false });
    expect(error.message).toBe(`KME kme-a at ${url}: connect ECONNREFUSED 127.0.0.1:${port}`);
  });

  it('gives up on one that takes the connection and says nothing', async () => {
    const silent = createServer(() => {}).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    cleanups.push(async () => silent.close());
    const url = `https://127.0.0.1:${(silent.address() as AddressInfo).port}`;
    const error = await failureOf(transportTo(url, { timeoutMs: 100 }));
    expect(error).toMatchObject({ kind: 'unreachable', sent: false });
    expect(error.message).toContain(`${url}: no answer in time`);
  });
});

describe('the client over HTTPS, when an answer is lost', () => {
  it.each([
    ['is slow', 'no answer in time', (_write: (text: string) => void, _end: () => void) => {}],
    [
      'ends within the body',
      'ended within the body',
      (write: (text: string) => void, end: () => void) => {
        write('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{"keys":');
        setTimeout(end, 20);
      },
    ],
    [
      'speaks no HTTP',
      'Parse Error',
      (write: (text: string) => void) => {
        write('220 mail.example ESMTP\r\n');
      },
    ],
  ])('says that keys may be lost when the KME %s after the request', async (_what, reason, answer) => {
    const server = createHttpsServer({
      ca: authority.pem,
      cert: kmeTls.certificate,
      key: kmeTls.privateKey,
      requestCert: true,
    });
    server.removeAllListeners('secureConnection');
    server.on('secureConnection', (socket) => {
      socket.on('error', () => {});
      socket.once('data', () =>
        answer(
          (text) => socket.write(text),
          () => socket.destroy(),
        ),
      );
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    cleanups.push(() => {
      server.close();
      return undefined;
    });
    const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const error = await failureOf(transportTo(url, { timeoutMs: 150 }));
    expect(error).toMatchObject({ kind: 'unreachable', sent: true });
    expect(error.message).toMatch(new RegExp(`${url}: .*(${reason}|aborted)`));
  });
});

describe('names in URLs and certificates', () => {
  it('wants an https URL', () => {
    expect(() => transportTo('http://127.0.0.1:1')).toThrow('must begin with https://');
    expect(() => transportTo('nonsense')).toThrow('Invalid URL');
  });

  it('reads every name of a certificate', () => {
    const certificate = {
      subject: { CN: 'a' },
      subjectaltname: 'DNS:b, URI:urn:kme:c, IP Address:127.0.0.1, DNS:a',
    };
    expect(namesOf(certificate as never)).toEqual(['a', 'b', 'urn:kme:c', '127.0.0.1']);
    expect(namesOf({} as never)).toEqual([]);
  });
});

describe('certificates that are renewed', () => {
  it('go with connections from then on; a request on its way ends on the old one', async () => {
    const seen: (string | undefined)[] = [];
    const { listener } = await kmeA();
    const server = createHttpsServer(
      { ca: kmeTls.authority, cert: kmeTls.certificate, key: kmeTls.privateKey, requestCert: true },
      (incoming, outgoing) => {
        const { subject } = (incoming.socket as TLSSocket).getPeerCertificate();
        seen.push(String(subject?.CN));
        // the first one is answered when the second is there: by then the certificates are others
        const answer = () => outgoing.end('{}');
        if (seen.length === 1) held.push(answer);
        else answer();
      },
    );
    const held: (() => void)[] = [];
    await listener.close();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    cleanups.push(async () => server.close());
    const { port } = server.address() as AddressInfo;
    const transport = transportTo(`https://127.0.0.1:${port}`, { timeoutMs: 20_000 });
    const first = transport.request(STATUS);
    while (held.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    const renewed = (await authority.issue({ commonName: 'sae-a-2027' })).pem;
    expect(transport.renew(renewed)).toBe(true);
    expect(transport.renew({ ...renewed })).toBe(false);
    expect((await transport.request(STATUS)).status).toBe(200);
    held[0]?.();
    expect((await first).status).toBe(200);
    expect((await transport.request(STATUS)).status).toBe(200);
    expect(seen).toEqual(['sae-a', 'sae-a-2027', 'sae-a-2027']);
  });

  it('leave no idle connection with the old ones', async () => {
    const { listener, kme } = await kmeA();
    const transport = transportTo(listener.url);
    await transport.request(STATUS);
    transport.renew((await authority.issue({ commonName: 'sae-b' })).pem);
    await transport.request(STATUS);
    expect(kme.seen.map((line) => line.split(' ')[0])).toEqual(['sae-a', 'sae-b']);
  });

  it('that fit not together are refused, and the old ones go on', async () => {
    const { listener, kme } = await kmeA();
    const transport = transportTo(listener.url);
    const other = (await authority.issue({ commonName: 'sae-b' })).pem;
    expect(() => transport.renew({ ...other, privateKey: saeTls.privateKey })).toThrow(/mismatch/);
    expect(() => transport.renew({ ...other, certificate: 'none' })).toThrow();
    await transport.request(STATUS);
    expect(kme.seen).toEqual(['sae-a GET /api/v1/keys/sae-b/status']);
  });
});
