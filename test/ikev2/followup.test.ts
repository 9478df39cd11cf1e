import { describe, expect, it } from 'vitest';
import {
  type ChildProposalConfig,
  type IkeProposalConfig,
  NOTIFY,
  parseEspProposal,
  parseIkeProposal,
} from '#ikev2';
import { EXCHANGE } from '../../ikev2/wire/registry.ts';
import type { Payload } from '../../ikev2/wire/types.ts';
import { ask, insideOf, requestTypes } from '../support/ike-raw.ts';
import { otherSide, Steps } from '../support/ike-steps.ts';
import type { InTransit, PairOptions, Side } from '../support/pair.ts';

const { CREATE_CHILD_SA, IKE_FOLLOWUP_KE, INFORMATIONAL } = EXCHANGE;

function ike(text: string): IkeProposalConfig {
  const parsed = parseIkeProposal(text);
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
}

function esp(text: string): ChildProposalConfig {
  const parsed = parseEspProposal(text);
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
}

/** Both sides propose X25519 and these further key exchanges, for IKE and for ESP. */
const several = (words: string) => ({
  proposals: [ike(`aes256gcm16-prfsha256-x25519-${words}`)],
  childProposals: [esp(`aes256gcm16-x25519-${words}`)],
});

interface Story {
  readonly steps: Steps;
  /** All that went over the wire since the set-up. */
  readonly packets: InTransit[];
}

function story(words: string, options: PairOptions = {}): Story {
  const steps = new Steps({
    ...options,
    config: { ...several(words), ...options.config },
    ueConfig: { ...options.ueConfig },
    profile: { ...several(words), ...options.profile },
  });
  const packets: InTransit[] = [];
  steps.pair.network = (packet) => {
    packets.push(packet);
    return [packet];
  };
  return { steps, packets };
}

const acts = ['createChild', 'rekeyChild', 'rekeyIke'] as const;
const sides = ['ue', 'node'] as const;

/** Both sides have the same SAs with the same keys, and the IKE SA still serves. */
function expectAgreement({ pair }: Steps): void {
  const made = (side: Side) => {
    const living = new Set([...pair[side].ikeSas()].flatMap(({ childSas }) => childSas.map(({ id }) => id)));
    return pair.events(side, 'childSaEstablished').filter(({ child }) => living.has(child.id));
  };
  const [ue, node] = [made('ue'), made('node')];
  expect(ue.length).toBe(node.length);
  for (const { child } of ue) {
    const mirror = node.find((each) => each.child.spiIn === child.spiOut)?.child;
    expect([mirror?.keysIn, mirror?.keysOut]).toEqual([child.keysOut, child.keysIn]);
  }
  for (const side of sides) {
    const before = pair.events(side, 'livenessConfirmed').length;
    pair.take(side, pair[side].checkLiveness(pair.now, side === 'ue' ? pair.ueSa : pair.nodeSa));
    pair.run();
    expect(pair.events(side, 'livenessConfirmed')).toHaveLength(before + 1);
  }
}

describe('further key exchanges after CREATE_CHILD_SA', () => {
  const words = ['ke1_ecp256', 'ke1_mlkem768', 'ke2_mlkem512-ke4_ecp384-ke7_mlkem1024'];
  const cases = words.flatMap((each) =>
    acts.flatMap((act) => sides.map((side) => [each, act, side] as const)),
  );

  it.each(cases)(
    '[RFC9370 2.2.4] %s, %s by the %s: one IKE_FOLLOWUP_KE for each, then the SA',
    (each, act, side) => {
      const { steps, packets } = story(each);
      steps[act](side);
      steps.pair.run();
      const rounds = each.split('-').map(() => IKE_FOLLOWUP_KE);
      expect(requestTypes(packets, side).slice(0, 1 + rounds.length)).toEqual([CREATE_CHILD_SA, ...rounds]);
      expect(requestTypes(packets, otherSide(side))).toEqual([]);
      for (const one of sides) {
        const suite =
          act === 'rekeyIke'
            ? steps.pair.events(one, 'ikeSaRekeyed').at(-1)?.suite
            : steps.pair.events(one, 'childSaEstablished').at(-1)?.child.suiteName;
        for (const word of each.split('-')) expect(suite).toContain(word);
      }
      expectAgreement(steps);
    },
  );
});

describe('further key exchanges on the way', () => {
  it('[RFC9370 2.2.4] in fragments and whole, over a network that loses and repeats', () => {
    for (const datagramSize of [0, 300, 1_280]) {
      const { steps, packets } = story('ke1_mlkem768', {
        config: { datagramSize },
        ueConfig: { datagramSize },
      });
      let count = 0;
      steps.pair.network = (packet) => {
        packets.push(packet);
        count++;
        return count % 5 === 0 ? [] : count % 3 === 0 ? [packet, packet] : [packet];
      };
      steps.rekeyChild('ue');
      steps.pair.advance(200_000);
      steps.rekeyIke('node');
      steps.pair.advance(200_000);
      steps.pair.network = (packet) => [packet];
      expect(steps.pair.events('ue', 'ikeSaRekeyed')).toHaveLength(1);
      expect(steps.childIds('ue')).toHaveLength(1);
      expectAgreement(steps);
      const longest = Math.max(...packets.map(({ data }) => data.length));
      if (datagramSize === 0) expect(longest).toBeGreaterThan(1_184);
      else expect(longest).toBeLessThanOrEqual(datagramSize);
    }
  });

  it('[RFC9370 2.2.1] a slot that one side leaves out costs no exchange', () => {
    const { steps, packets } = story('ke1_mlkem768-ke1_none', { config: several('ke1_none') });
    for (const act of acts) {
      steps[act]('ue');
      steps.pair.run();
    }
    expect(requestTypes(packets, 'ue')).not.toContain(IKE_FOLLOWUP_KE);
    expectAgreement(steps);
  });

  it('[RFC9370 2.2.4] each round has a link of its own, which goes back with the next request', () => {
    const { steps } = story('ke1_ecp256-ke2_ecp384');
    const links: string[] = [];
    steps.rekeyChild('ue');
    for (let i = 0; i < 2; i++) {
      steps.pass('ue');
      links.push(
        Buffer.from(insideOf(steps.pair, 'node').series.of(childOf(steps))?.link ?? []).toString('hex'),
      );
      steps.pass('node');
    }
    expect(new Set(links).size).toBe(2);
    expect(links.every((link) => link.length === 16)).toBe(true);
    steps.pair.run();
    expectAgreement(steps);
  });
});

/** The node's only Child SA, as its engine has it. */
function childOf(steps: Steps) {
  return [...insideOf(steps.pair, 'node').children.values()][0]!;
}

/** Lets time pass for a side whose packets are held back. */
function wait(steps: Steps, side: Side, ms: number): void {
  steps.pair.now += ms;
  steps.pair.take(side, steps.pair[side].tick(steps.pair.now));
}

describe('a series that is not at its end', () => {
  it('[RFC9370 2.2.4] is forgotten after a while: STATE_NOT_FOUND, and the old Child SA serves on', () => {
    const { steps } = story('ke1_ecp256');
    const { pair } = steps;
    const before = steps.spis('ue');
    steps.rekeyChild('ue'); //   CREATE_CHILD_SA ──►
    steps.pass('ue'); //         ◄── SA, Nr, KEr, link
    steps.pass('node'); //       IKE_FOLLOWUP_KE ──►, on its way for 20 s
    const late = steps.lose('ue');
    expect(insideOf(pair, 'node').series.of(childOf(steps))).toBeDefined();
    wait(steps, 'node', 20_000);
    expect(insideOf(pair, 'node').series.of(childOf(steps))).toBeUndefined();
    pair.deliver(late); //       ◄── STATE_NOT_FOUND
    pair.run();
    expect(pair.events('ue', 'childSaFailed')).toMatchObject([{ notifyType: NOTIFY.STATE_NOT_FOUND }]);
    expect(steps.spis('ue')).toEqual(before);
    expect(steps.spis('node')).toEqual(before);
    steps.rekeyChild('ue');
    pair.run();
    expect(steps.spis('ue')).not.toEqual(before);
    expectAgreement(steps);
  });

  it('[RFC9370 2.2.4] several forgotten ones in a row end the IKE SA', () => {
    const { steps } = story('ke1_ecp256');
    for (let i = 0; i < 4; i++) {
      expect(steps.pair.events('ue', 'ikeSaClosed')).toEqual([]);
      steps[i % 2 === 0 ? 'rekeyChild' : 'rekeyIke']('ue');
      steps.pass('ue');
      steps.pass('node');
      const late = steps.lose('ue');
      wait(steps, 'node', 20_000);
      steps.pair.deliver(late);
      steps.pair.run();
    }
    for (const side of sides) expect(steps.pair.events(side, 'ikeSaClosed')).toHaveLength(1);
  });

  it('[RFC9370 2.2.4] a request without a link, or with a stranger’s, is answered STATE_NOT_FOUND', () => {
    const { steps } = story('ke1_ecp256');
    const ke: Payload = { type: 'KE', method: 19, data: new Uint8Array(64) };
    const link: Payload = {
      type: 'Notify',
      protocol: 0,
      spi: new Uint8Array(0),
      notifyType: NOTIFY.ADDITIONAL_KEY_EXCHANGE,
      data: new Uint8Array(8),
    };
    for (const payloads of [[ke], [ke, link]]) {
      const answer = ask(steps.pair, 'ue', IKE_FOLLOWUP_KE, payloads);
      const data = new Uint8Array(0);
      expect(answer).toMatchObject([{ notifyType: NOTIFY.STATE_NOT_FOUND, protocol: 0, data }]);
    }
    expectAgreement(steps);
  });
});

describe('rounds that break the rules', () => {
  it('[RFC9370 2.2.4] another method than agreed on, or no key, breaks the rules and ends the IKE SA', () => {
    for (const method of [31, undefined]) {
      const { steps } = story('ke1_ecp256');
      steps.rekeyChild('ue');
      steps.pass('ue');
      steps.lose('node');
      const { link } = insideOf(steps.pair, 'node').series.of(childOf(steps))!;
      const payloads: Payload[] = [
        { type: 'Notify', protocol: 0, spi: new Uint8Array(0), notifyType: 16441, data: link },
        ...(method === undefined ? [] : [{ type: 'KE' as const, method, data: new Uint8Array(32) }]),
      ];
      insideOf(steps.pair, 'ue').requests.finish();
      ask(steps.pair, 'ue', IKE_FOLLOWUP_KE, payloads);
      expect(steps.pair.events('node', 'ikeSaClosed')).toMatchObject([{ notifyType: NOTIFY.INVALID_SYNTAX }]);
    }
  });

  it('no more than a few wait at the same time', () => {
    const { steps } = story('ke1_ecp256');
    const { pair } = steps;
    for (let i = 0; i < 5; i++) {
      steps.createChild('ue');
      steps.pass('ue');
      steps.pass('node');
      if (i < 4) {
        // This peer begins, and never goes on.
        steps.lose('ue');
        insideOf(pair, 'ue').requests.finish();
        insideOf(pair, 'node').channel.window.accept(new Uint8Array(1));
        insideOf(pair, 'node').channel.window.respond({ datagrams: [] });
      }
    }
    expect(pair.events('ue', 'childSaFailed')).toMatchObject([{ notifyType: NOTIFY.TEMPORARY_FAILURE }]);
    wait(steps, 'node', 20_000);
    steps.createChild('ue');
    pair.run();
    expect(pair.events('ue', 'childSaEstablished')).toHaveLength(2);
  });
});

describe('what else happens during a series', () => {
  it('[RFC7296 2.25.2] requests of the other side wait for the new IKE SA and go out on it', () => {
    const { steps, packets } = story('ke1_mlkem768');
    const { pair } = steps;
    steps.rekeyIke('ue');
    steps.pass('ue'); //   the node answers, and has begun nothing else
    steps.createChild('node');
    pair.take('node', pair.node.checkLiveness(pair.now, pair.nodeSa));
    expect(requestTypes(packets, 'node')).toEqual([]);
    pair.run();
    expect(requestTypes(packets, 'node')).toEqual([CREATE_CHILD_SA, IKE_FOLLOWUP_KE, INFORMATIONAL]);
    expect(steps.ikeSpis('ue')).toBe(steps.ikeSpis('node'));
    expect(steps.childIds('node')).toHaveLength(2);
    expectAgreement(steps);
  });

  it('[RFC9370 2.2.4] or on the old one, when the series came to nothing', () => {
    const { steps, packets } = story('ke1_ecp256');
    steps.rekeyIke('ue');
    steps.pass('ue');
    steps.pass('node');
    const late = steps.lose('ue');
    steps.pair.take('node', steps.pair.node.checkLiveness(steps.pair.now, steps.pair.nodeSa));
    expect(requestTypes(packets, 'node')).toEqual([]);
    wait(steps, 'node', 20_000);
    expect(requestTypes(packets, 'node')).toEqual([INFORMATIONAL]);
    steps.pair.run();
    expect(steps.pair.events('node', 'livenessConfirmed')).toHaveLength(1);
    steps.pair.deliver(late);
    steps.pair.run();
    expect(steps.pair.events('ue', 'ikeSaRekeyed')).toEqual([]);
    expectAgreement(steps);
  });
});

describe('Deletes during a series', () => {
  it('[RFC7296 2.25.2] a Delete of the IKE SA does not wait, and a round that meets it gets TEMPORARY_FAILURE', () => {
    const { steps, packets } = story('ke1_ecp256');
    steps.rekeyIke('ue');
    steps.pass('ue');
    steps.deleteIke('node');
    expect(requestTypes(packets, 'node')).toEqual([INFORMATIONAL]);
    const answer = steps.lose('node');
    const deletion = steps.lose('node');
    steps.pair.deliver(answer);
    steps.pass('ue'); //   IKE_FOLLOWUP_KE, ◄── TEMPORARY_FAILURE
    steps.pass('node');
    expect(steps.pair.events('ue', 'ikeSaRekeyed')).toEqual([]);
    steps.pair.deliver(deletion);
    steps.pair.run();
    for (const side of sides) expect(steps.pair.events(side, 'ikeSaClosed')).toHaveLength(1);
    steps.pair.advance(300_000);
    expect([steps.pair.ue.deadline(), steps.pair.node.deadline()]).toEqual([undefined, undefined]);
  });

  it.each([
    ['is being deleted', NOTIFY.TEMPORARY_FAILURE, false],
    ['is gone', NOTIFY.CHILD_SA_NOT_FOUND, true],
  ] as const)(
    '[RFC7296 2.25.1] the Child SA that is rekeyed %s: the series ends with it',
    (_, notifyType, isAnswered) => {
      const { steps } = story('ke1_ecp256');
      steps.rekeyChild('ue');
      steps.pass('ue');
      steps.deleteChild('node');
      const answer = steps.lose('node');
      const deletion = steps.lose('node');
      steps.pair.deliver(answer); //   IKE_FOLLOWUP_KE ──►
      const round = steps.lose('ue');
      if (isAnswered) {
        steps.pair.deliver(deletion);
        steps.pass('ue');
      }
      steps.pair.deliver(round);
      if (!isAnswered) steps.pair.deliver(deletion);
      steps.pair.run();
      expect(steps.pair.events('ue', 'childSaFailed')).toMatchObject([{ notifyType }]);
      expect([...steps.childIds('ue'), ...steps.childIds('node')]).toEqual([]);
      expectAgreement(steps);
    },
  );
});

describe('after the last round', () => {
  it('[RFC9370 2.2.4] the last round of a rekey is answered again on the old IKE SA, however it is cut', () => {
    const { steps } = story('ke1_mlkem768', {
      config: { datagramSize: 1_280 },
      ueConfig: { datagramSize: 1_280 },
    });
    steps.rekeyIke('ue');
    steps.pass('ue');
    steps.pass('node');
    // The node has answered and gone over to the new SPIs; its answers are lost until the UE cuts its request shorter.
    let rounds = 0;
    steps.pair.network = (packet) =>
      packet.sender === 'node' && ++rounds < 20 && packet.data.length > 600 ? [] : [packet];
    steps.pair.advance(150_000);
    expect(steps.pair.events('ue', 'ikeSaRekeyed')).toHaveLength(1);
    expect(steps.pair.events('ue', 'ikeSaClosed')).toEqual([]);
    expectAgreement(steps);
  });

  it('[RFC9370 2.2.4] a round on an IKE SA that was replaced finds no state there', () => {
    const { steps } = story('ke1_ecp256');
    steps.rekeyIke('node');
    steps.pass('node');
    steps.pass('ue');
    steps.pass('node'); //   the last round: the UE goes over, its answer is on its way
    steps.lose('ue');
    insideOf(steps.pair, 'node').requests.finish();
    const ke: Payload = { type: 'KE', method: 19, data: new Uint8Array(64) };
    const answer = ask(steps.pair, 'node', IKE_FOLLOWUP_KE, [ke]);
    expect(answer).toMatchObject([{ notifyType: NOTIFY.STATE_NOT_FOUND }]);
  });

  it('zeroes the secrets of what came to nothing, and frees its SPI', () => {
    const { steps } = story('ke1_ecp256-ke2_ecp384');
    steps.createChild('ue');
    for (let i = 0; i < 2; i++) {
      steps.pass('ue');
      steps.pass('node');
    }
    const node = insideOf(steps.pair, 'node');
    const [series] = (node.series as unknown as { open: { secrets: Uint8Array[] }[] }).open;
    expect(series?.secrets).toHaveLength(1);
    expect(series?.secrets[0]?.some((octet) => octet !== 0)).toBe(true);
    steps.lose('ue');
    wait(steps, 'node', 20_000);
    expect(series?.secrets[0]?.every((octet) => octet === 0)).toBe(true);
    const { espSpis } = node.node as unknown as { espSpis: Set<number> };
    expect(espSpis.size).toBe(1);
  });
});
