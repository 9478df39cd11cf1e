// needs: charon, root
import { describe, expect, test } from 'vitest';
import { addOwnAddress, charonAddress, pathNetwork } from './charon.ts';
import { stage } from './interop.ts';
import { NatBox } from './nat-box.ts';
import { natInside, natOutside, OurPeer } from './our-peer.ts';

const interop = stage();
const theyStart = 'the peer starts';
const count = (type: string) => interop.count(type);
const until = (holds: () => boolean | Promise<boolean>) => interop.until(holds);
const checkLiveness = () => interop.ours.command((engine, now, ikeSa) => engine.checkLiveness(now, ikeSa));
const untilSaid = (pattern: RegExp, from: number) =>
  until(() => pattern.test(interop.charon.log().slice(from)));
const psk = { remoteAuth: 'psk', localAuth: 'psk' } as const;

describe('long messages', () => {
  test('[RFC7383 2.5] [RFC7383 2.6] fragments go both ways where the datagrams have to be short', async (context) => {
    interop.claims(context, theyStart, 'fragmentation, both ways');
    const certificate = await interop.certificate('n3iwf.test', 'rsa-2048');
    await interop.open(certificate, { datagramSize: 576 });
    const before = interop.charon.log().length;
    expect(await interop.initiate('cert')).toContain('initiate completed successfully');
    const said = interop.charon.log().slice(before);
    expect(said).toMatch(/splitting IKE message \(\d+ bytes\) into \d+ fragments/);
    expect(said).toMatch(/received fragment #1 of \d+|reassembled fragmented IKE message/);
    await interop.terminate('cert');
  });

  test('[RFC7383 2.5.1] a path that swallows what is longer than 840 octets is passed', async (context) => {
    interop.claims(context, theyStart, 'fragmentation, small path MTU');
    await interop.open(await interop.certificate('n3iwf.test', 'rsa-2048'));
    const box = await NatBox.open({ longest: 840 });
    try {
      expect(await interop.initiate('certnat')).toContain('initiate completed successfully');
      expect(box.longestSeen).toBeGreaterThan(576);
      await interop.terminate('certnat');
      await interop.untilGone();
    } finally {
      await box.close();
    }
  });
});

describe('NAT', () => {
  test('[RFC7296 2.23] charon behind a NAT, whose mapping changes while the SA lives', async (context) => {
    interop.claims(context, theyStart, 'NAT between', 'NAT mapping changes');
    await interop.open();
    const box = await NatBox.open();
    try {
      expect(await interop.initiate('nat')).toContain('initiate completed successfully');
      const before = count('addressChanged');
      await box.remap();
      await interop.charon.swanctl('--rekey', '--child', 'natc');
      await until(() => count('childSaEstablished') >= 2 && count('addressChanged') > before);
      checkLiveness();
      await until(() => count('livenessConfirmed') >= 1);
      await interop.terminate('nat');
      await interop.untilGone();
    } finally {
      await box.close();
    }
  });

  test('[RFC4555 3.8] with MOBIKE charon sees by our answers that its mapping changed, and tells us', async (context) => {
    interop.claims(context, theyStart, 'NAT mapping changes, with MOBIKE');
    await interop.open();
    const box = await NatBox.open();
    const from = interop.charon.log().length;
    try {
      expect(await interop.initiate('natmobike')).toContain('initiate completed successfully');
      // Charon compares each answer with the one before: there has to be one.
      await untilSaid(/parsed INFORMATIONAL response \d+ \[ N\(NATD_S_IP\) N\(NATD_D_IP\) \]/, from);
      const before = count('addressChanged');
      await box.remap();
      await until(() => count('addressChanged') > before);
      checkLiveness();
      await until(() => count('livenessConfirmed') >= 1);
      await interop.terminate('natmobike');
      await interop.untilGone();
    } finally {
      await box.close();
    }
  });

  test('[RFC7296 2.23] we start through a NAT', async (context) => {
    interop.claims(context, 'we start', 'NAT between');
    await interop.open();
    const box = await NatBox.open({ inside: charonAddress });
    try {
      interop.ours.connect('off', psk, { address: natOutside });
      await until(() => count('childSaEstablished') >= 1);
      expect(await interop.charon.swanctl('--list-sas')).toContain(`@ ${natInside}[`);
      await interop.terminate('answer');
      await interop.untilGone();
    } finally {
      await box.close();
    }
  });
});

describe('liveness', () => {
  test('[RFC7296 2.4] charon asks whether we live, and gives us up when we do not answer', async (context) => {
    interop.claims(context, theyStart, 'liveness check (DPD)');
    await interop.open();
    const from = interop.charon.log().length;
    await interop.initiate('dpd');
    await untilSaid(/sending DPD request[\s\S]*parsed INFORMATIONAL response \d+ \[ \]/, from);
    await interop.ours.close();
    await untilSaid(/giving up after/, from);
    await until(async () => (await interop.charon.swanctl('--list-sas')) === '');
  });
});

describe('other addresses', () => {
  test('[RFC5685 3] charon goes to the gateway that we name', async (context) => {
    interop.claims(context, theyStart, 'REDIRECT in IKE_SA_INIT');
    const gateway = { type: 'ipv4', name: `${pathNetwork}.23` } as const;
    interop.ours = new OurPeer({ responderAuth: 'psk', initiatorAuth: 'psk' }, undefined, {
      redirect: (_, from) => (from === undefined ? gateway : undefined),
    });
    addOwnAddress(gateway.name);
    await interop.ours.open();
    await interop.ours.open(gateway.name);
    expect(await interop.initiate('gcm')).toContain('initiate completed successfully');
    const listed = await interop.charon.swanctl('--list-sas');
    expect(listed).toMatch(/remote 'n3iwf\.test' @ 10\.77\.\d+\.23\[4500\]/);
    await interop.terminate('gcm');
  });

  test('[RFC4555 3.5] charon moves to another address and takes its SAs along', async (context) => {
    interop.claims(context, theyStart, 'MOBIKE address change');
    const { charon } = interop;
    await interop.open();
    await interop.initiate('roam');
    charon.ip('addr', 'add', `${pathNetwork}.9/24`, 'dev', 'ike0');
    charon.ip('addr', 'del', `${charonAddress}/24`, 'dev', 'ike0');
    try {
      await until(() =>
        interop.ours.events.some(
          (event) => event.type === 'addressChanged' && event.remote.address === `${pathNetwork}.9`,
        ),
      );
      checkLiveness();
      await until(() => count('livenessConfirmed') >= 1);
      await interop.terminate('roam');
    } finally {
      charon.ip('addr', 'add', `${charonAddress}/24`, 'dev', 'ike0');
      charon.ip('addr', 'del', `${pathNetwork}.9/24`, 'dev', 'ike0');
    }
  });

  test('[RFC4555 3.5] we move, charon follows', async (context) => {
    interop.claims(context, 'we start', 'MOBIKE address change');
    await interop.open();
    addOwnAddress(`${pathNetwork}.22`);
    await interop.ours.open(`${pathNetwork}.22`);
    interop.ours.connect('off', { ...psk, mobike: true });
    await until(() => count('childSaEstablished') >= 1);
    const local = { address: `${pathNetwork}.22`, port: 4500 };
    interop.ours.command((engine, now, ikeSa) => engine.changeAddress(now, ikeSa, local));
    await until(() => count('addressChanged') >= 1);
    const listed = await interop.charon.swanctl('--list-sas');
    expect(listed).toMatch(/remote 'our-ue\.test' @ 10\.77\.\d+\.22\[4500\]/);
    await interop.terminate('answer');
    await interop.untilGone();
  });
});
