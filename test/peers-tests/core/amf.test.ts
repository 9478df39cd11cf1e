import { describe, expect, it } from 'vitest';
import { N3iwfSide } from './n3iwf-side.ts';

const complete = (n3iwf: N3iwfSide, ids: { amfUeNgapId: number; ranUeNgapId: number }) =>
  n3iwf.send({ message: 'UEContextReleaseComplete', ies: ids });

describe('NG Setup at the simulated AMF', () => {
  it('accepts a node of its PLMN with a slice that it serves', () => {
    const n3iwf = new N3iwfSide();
    n3iwf.setup();
    expect(n3iwf.received.map(({ message }) => message)).toEqual(['NGSetupResponse']);
    expect(n3iwf.events).toEqual([{ type: 'ngSetup', accepted: true }]);
  });

  it.each([
    ['another PLMN', { mcc: '001' }],
    ['another tracking area', { tac: '000002' }],
    ['another slice', { sst: 2 }],
  ])('[TS38413 8.7.1] refuses a node of %s as of an unknown PLMN', (_, change) => {
    const n3iwf = new N3iwfSide({ tacs: ['000001'] });
    n3iwf.setup(change);
    expect(n3iwf.of('NGSetupFailure')).toMatchObject([{ cause: { value: 'unknown-PLMN-or-SNPN' } }]);
    expect(n3iwf.events).toEqual([{ type: 'ngSetup', accepted: false }]);
    n3iwf.setup();
    expect(n3iwf.of('NGSetupResponse')).toHaveLength(1);
  });

  it('[TS38413 8.7.1] forgets every UE when the association is set up anew', () => {
    const n3iwf = new N3iwfSide();
    n3iwf.setup();
    const ue = n3iwf.registered();
    n3iwf.openSession(ue, 1);
    expect(n3iwf.core.amf.registeredUes).toBe(1);
    n3iwf.setup();
    expect(n3iwf.core.amf.knownUes).toBe(0);
    expect(n3iwf.of('UEContextReleaseCommand')).toHaveLength(0);
  });
});

describe('registration', () => {
  it('goes from the first message to the session of a UE', () => {
    const n3iwf = new N3iwfSide();
    const ue = n3iwf.registered();
    expect(ue.log).toEqual(['registered']);
    expect(n3iwf.types()).toEqual(['registered']);
    n3iwf.openSession(ue, 5);
    expect([...n3iwf.addressOf(ue)]).toEqual([10, 60, 0, 1]);
  });

  it('ends the context of a UE that it rejects', () => {
    const n3iwf = new N3iwfSide({ subscribers: [] });
    const ue = n3iwf.registered();
    expect(ue.failures).toEqual(['registration: the network rejected it, cause 3']);
    expect(n3iwf.received.map(({ message }) => message)).toEqual([
      'DownlinkNASTransport',
      'UEContextReleaseCommand',
    ]);
    expect(n3iwf.of('UEContextReleaseCommand')).toMatchObject([
      { cause: { choice: 'nas', value: 'unspecified' } },
    ]);
    complete(n3iwf, n3iwf.ids(ue));
    expect(n3iwf.core.amf.knownUes).toBe(0);
  });

  it('ends a UE whose SQN is out of step, and says so', () => {
    const n3iwf = new N3iwfSide();
    n3iwf.deaf = true;
    const ue = n3iwf.registered();
    n3iwf.plainNas(ue, { message: 'AuthenticationFailure', cause: 21, auts: new Uint8Array(14) });
    expect(n3iwf.events).toEqual([
      { type: 'rejected', imsi: '208930000000001', reason: expect.stringContaining('synch failure') },
    ]);
    expect(n3iwf.of('UEContextReleaseCommand')).toMatchObject([
      { cause: { value: 'authentication-failure' } },
    ]);
  });

  it('obeys nothing of a UE whose release is under way', () => {
    const n3iwf = new N3iwfSide();
    n3iwf.deaf = true;
    const ue = n3iwf.registered();
    for (const cause of [20, 20]) n3iwf.plainNas(ue, { message: 'AuthenticationFailure', cause });
    expect(n3iwf.of('UEContextReleaseCommand')).toHaveLength(1);
    expect(n3iwf.types()).toEqual(['rejected']);
  });
});

describe('numbers of UEs', () => {
  it('[TS38413 10.6] indicates a number of its own that it does not know', () => {
    const n3iwf = new N3iwfSide();
    complete(n3iwf, { amfUeNgapId: 9, ranUeNgapId: 3 });
    expect(n3iwf.of('ErrorIndication')).toMatchObject([
      { amfUeNgapId: 9, ranUeNgapId: 3, cause: { value: 'unknown-local-UE-NGAP-ID' } },
    ]);
  });

  it('[TS38413 10.6] ends a UE that comes with another number of the N3IWF', () => {
    const n3iwf = new N3iwfSide();
    const ue = n3iwf.registered();
    const bystander = n3iwf.registered(1);
    n3iwf.uplinkNas({ ...ue, ranUeNgapId: 77 }, Uint8Array.of(0x7e, 0, 0x43));
    expect(n3iwf.of('ErrorIndication')).toMatchObject([
      { amfUeNgapId: 1, ranUeNgapId: 77, cause: { value: 'inconsistent-remote-UE-NGAP-ID' } },
    ]);
    expect(n3iwf.core.amf.knownUes).toBe(1);
    n3iwf.openSession(bystander, 1);
    expect(n3iwf.addressOf(bystander)).toHaveLength(4);
  });

  it.each(['unknown-local-UE-NGAP-ID', 'inconsistent-remote-UE-NGAP-ID'] as const)(
    '[TS38413 8.7.5] ends the UE for which the N3IWF indicates %s, in silence',
    (value) => {
      const n3iwf = new N3iwfSide();
      const ue = n3iwf.registered();
      const before = n3iwf.received.length;
      const cause = { choice: 'radioNetwork', value } as const;
      n3iwf.send({ message: 'ErrorIndication', ies: { ...n3iwf.ids(ue), cause } });
      expect(n3iwf.core.amf.knownUes).toBe(0);
      expect(n3iwf.received).toHaveLength(before);
      expect(n3iwf.events.slice(-2)).toMatchObject([
        { type: 'errorIndication', cause: value },
        { type: 'released' },
      ]);
    },
  );

  it('keeps a UE over an indication of another cause', () => {
    const n3iwf = new N3iwfSide();
    const ue = n3iwf.registered();
    const cause = { choice: 'protocol', value: 'semantic-error' } as const;
    n3iwf.send({ message: 'ErrorIndication', ies: { ...n3iwf.ids(ue), cause } });
    n3iwf.send({ message: 'ErrorIndication', ies: { cause } });
    expect(n3iwf.core.amf.registeredUes).toBe(1);
  });

  it('counts what it cannot decode', () => {
    const n3iwf = new N3iwfSide();
    n3iwf.core.receiveN2(Uint8Array.of(1, 2, 3));
    expect(n3iwf.core.undecodable).toBe(1);
  });
});

describe('deregistration by the network', () => {
  it('asks the UE first and releases its context when the UE has accepted', () => {
    const n3iwf = new N3iwfSide();
    const ue = n3iwf.registered();
    const from = n3iwf.received.length;
    n3iwf.core.amf.deregister('208930000000001');
    expect(n3iwf.of('UEContextReleaseCommand')).toHaveLength(0);
    expect(n3iwf.core.deadline()).toBe(7000);
    n3iwf.run(from);
    expect(ue.log).toEqual(['registered', 'deregistered']);
    expect(n3iwf.of('UEContextReleaseCommand')).toMatchObject([{ cause: { value: 'deregister' } }]);
    expect(n3iwf.core.deadline()).toBeUndefined();
    complete(n3iwf, n3iwf.ids(ue));
    expect(n3iwf.types()).toEqual(['registered', 'deregistered', 'released']);
    expect(n3iwf.core.amf.knownUes).toBe(0);
  });

  it('releases the context of a UE that does not answer when its time is up', () => {
    const n3iwf = new N3iwfSide();
    n3iwf.registered();
    n3iwf.core.amf.deregister('208930000000001');
    n3iwf.core.amf.deregister('208930000000001');
    n3iwf.now = 6999;
    n3iwf.core.tick();
    expect(n3iwf.of('UEContextReleaseCommand')).toHaveLength(0);
    n3iwf.now = 7000;
    n3iwf.core.tick();
    n3iwf.core.tick();
    expect(n3iwf.of('UEContextReleaseCommand')).toHaveLength(1);
  });

  it('releases a UE without keys at once, and leaves others alone', () => {
    const n3iwf = new N3iwfSide();
    n3iwf.deaf = true;
    n3iwf.registered();
    n3iwf.core.amf.deregister('001010000000000');
    expect(n3iwf.of('UEContextReleaseCommand')).toHaveLength(0);
    n3iwf.core.amf.deregister('208930000000001');
    expect(n3iwf.of('UEContextReleaseCommand')).toHaveLength(1);
  });
});
