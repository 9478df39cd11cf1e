/** What the interop suites share: a charon of their own, one of our peers per test, and waiting for what must come. */
import { basename } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, type TestContext, vi } from 'vitest';
import type { EndpointConfig } from '#ikev2';
import { type IssuedCertificate, TestAuthority } from '../../n3iwf/io/test-authority.ts';
import { certificateVerifier } from '../../n3iwf/nwu/certificate-trust.ts';
import { type Starter, shows } from '../support/feature-matrix.ts';
import { Charon } from './charon.ts';
import { swanctlConf } from './connections.ts';
import { nameCaptures, OurPeer } from './our-peer.ts';

/** The stage of one suite. */
export class Interop {
  charon!: Charon;
  authority!: TestAuthority;
  ours!: OurPeer;

  /** A charon with certificates for each connection that wants one. */
  async start(): Promise<void> {
    this.authority = await TestAuthority.create();
    const issue = (commonName: string, key: 'rsa-2048' | 'ecdsa-p256') =>
      this.authority.issue({ commonName, dnsNames: [commonName], key });
    const rsa = await issue('ue1.test', 'rsa-2048');
    const ecdsa = await issue('ue1.test', 'ecdsa-p256');
    const gateway = await issue('gateway.test', 'rsa-2048');
    this.charon = await Charon.start({
      'swanctl.conf': swanctlConf(),
      'x509ca/authority.pem': this.authority.pem,
      'x509/rsa.pem': rsa.pem.certificate,
      'private/rsa.pem': rsa.pem.privateKey,
      'x509/ecdsa.pem': ecdsa.pem.certificate,
      'private/ecdsa.pem': ecdsa.pem.privateKey,
      'x509/gateway.pem': gateway.pem.certificate,
      'private/gateway.pem': gateway.pem.privateKey,
    });
  }

  /** What a failed test left would fail the next ones, too. */
  async clear(): Promise<void> {
    const left = (await this.charon.swanctl('--list-sas')).matchAll(/^\S+: #(\d+),/gm);
    for (const [, id = ''] of left)
      await this.charon.swanctl('--terminate', '--ike-id', id, '--force').catch(() => {});
    await this.ours.close();
  }

  /** A certificate of ours, which charon trusts. */
  certificate(commonName: string, key: 'rsa-2048' | 'ecdsa-p256' | 'ecdsa-p384'): Promise<IssuedCertificate> {
    return this.authority.issue({ commonName, dnsNames: [commonName], key });
  }

  /** Opens our peer: with PSK, or with a certificate on both sides. */
  async open(certificate?: IssuedCertificate, more: Partial<EndpointConfig> = {}): Promise<void> {
    this.ours =
      certificate === undefined
        ? new OurPeer({ responderAuth: 'psk', initiatorAuth: 'psk', ...more })
        : new OurPeer(
            { responderAuth: 'certificate', initiatorAuth: 'certificate', certificate, ...more },
            certificateVerifier([this.authority.pem], Date.now),
          );
    await this.ours.open();
  }

  /** Has charon start the IKE SA and the Child SA of a connection. */
  initiate(name: string): Promise<string> {
    return this.charon.swanctl('--initiate', '--ike', name, '--child', `${name}c`);
  }

  /** Has charon end it. */
  terminate(name: string): Promise<string> {
    return this.charon.swanctl('--terminate', '--ike', name);
  }

  /** Events of a type that our engine gave so far. */
  count(type: string): number {
    return this.ours.events.filter((event) => event.type === type).length;
  }

  /** Waits until it holds, 40 s at most: on a loaded machine either side may have to send a message again. */
  async until(holds: () => boolean | Promise<boolean>): Promise<void> {
    const limit = Date.now() + 40_000;
    while (!(await holds()) && Date.now() < limit) await new Promise((resolve) => setTimeout(resolve, 50));
    expect(await holds()).toBe(true);
  }

  /** Says what a test shows with the charon that runs. */
  claims({ task }: TestContext, starter: Starter, ...features: string[]): void {
    shows(task, this.charon.version, starter, ...features);
  }

  /** Our own SAs are gone, however their end came about. */
  untilGone(): Promise<void> {
    return this.until(() => this.ours.ikeSaCount === 0);
  }
}

/** A stage for the suite that calls it, built and torn down around its tests. */
export function stage(): Interop {
  const interop = new Interop();
  // A test that is right ends soon; what is long is the way in which a loaded machine is slow.
  vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });
  beforeAll(async () => {
    nameCaptures(basename(expect.getState().testPath ?? '', '.test.ts'));
    await interop.start();
  });
  afterEach(() => interop.clear());
  afterAll(() => interop.charon.stop());
  return interop;
}
