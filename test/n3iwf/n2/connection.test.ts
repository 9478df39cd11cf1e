import { describe, expect, it } from 'vitest';
import { decodeNgap, encodeNgap, type N2Event, type NgapPdu } from '#ngap';
import { silentLog } from '../../../n3iwf/log.ts';
import { AmfConnection } from '../../../n3iwf/n2/amf/connection.ts';
import { tnlAddresses } from '../../../n3iwf/n2/amf/tnl-address.ts';
import type { N2Transport } from '../../../n3iwf/n2/link.ts';
import { ngSetupRequest } from '../../../n3iwf/n2/setup.ts';
import { setupFacts } from '../../support/amf-facts.ts';

const setup = ngSetupRequest({
  name: 'n3iwf',
  n3iwfId: 1,
  plmn: { mcc: '208', mnc: '93' },
  tac: '000001',
  slices: [{ sst: 1 }],
});

/** The AMF's end of one transport. */
class FarEnd implements N2Transport {
  readonly to: string;
  readonly heard: NgapPdu[] = [];
  readonly streams = 16;
  private message: (data: Uint8Array, stream: number) => void = () => {};
  private closedListener: (reason: string) => void = () => {};
  open = true;

  constructor(to: string) {
    this.to = to;
  }

  send(_: number, data: Uint8Array): void {
    const pdu = decodeNgap(data);
    if (pdu.ok) this.heard.push(pdu.value);
  }

  onMessage(listener: (data: Uint8Array, stream: number) => void): void {
    this.message = listener;
  }

  onEvent(): void {}

  onClosed(listener: (reason: string) => void): void {
    this.closedListener = listener;
  }

  close(): void {
    this.open = false;
  }

  says(pdu: NgapPdu): void {
    this.message(encodeNgap(pdu), 0);
  }

  cut(): void {
    this.closedListener('cut');
  }

  get names(): string[] {
    return this.heard.map(({ message }) => message);
  }
}

const configured = 'configured';

/** A connection under a clock of its own; `down` are addresses that cannot be reached. */
class Scene {
  now = 0;
  draw = 0;
  readonly ends: FarEnd[] = [];
  readonly events: N2Event[] = [];
  readonly down = new Set<string>();
  readonly connection: AmfConnection;

  constructor() {
    this.connection = new AmfConnection(
      { setup },
      {
        now: () => this.now,
        random: () => this.draw,
        dial: (addresses = [configured]) => {
          const to = addresses.join(' ');
          if (this.down.has(to)) return Promise.reject(new Error(`${to} is down`));
          const end = new FarEnd(to);
          this.ends.push(end);
          return Promise.resolve(end);
        },
        happened: (event) => void this.events.push(event),
        rearm: () => {},
        tap: () => {},
      },
      silentLog,
    );
  }

  static async ready(): Promise<Scene> {
    const scene = new Scene();
    scene.connection.start();
    await turn();
    scene.end(configured).says({ message: 'NGSetupResponse', ies: setupFacts() });
    await scene.connection.firstSetup;
    return scene;
  }

  /** The newest transport to an address. */
  end(to: string): FarEnd {
    const found = this.ends.findLast((end) => end.to === to);
    if (found === undefined) throw new Error(`nobody dialled ${to}`);
    return found;
  }

  async at(ms: number): Promise<void> {
    this.now = ms;
    this.connection.tick();
    await turn();
  }

  /** Has the AMF add associations and take part in them. */
  async add(...hosts: number[]): Promise<void> {
    const list = hosts.map((host) => ({
      amfTnlAssociationAddress: address(host),
      tnlAssociationUsage: 'ue' as const,
      tnlAddressWeightFactor: 10,
    }));
    this.end(configured).says({
      message: 'AMFConfigurationUpdate',
      ies: { amfTnlAssociationToAddList: list },
    });
    await turn();
  }

  types(): string[] {
    return this.events.map(({ type }) => type);
  }
}

const turn = () => new Promise((resolve) => setImmediate(resolve));
const address = (host: number) =>
  ({
    choice: 'endpointIpAddress',
    value: { bits: Uint8Array.of(10, 0, 0, host), length: 32 },
  }) as const;
const acknowledge: NgapPdu = { message: 'RANConfigurationUpdateAcknowledge', ies: {} };
const uplink = (ranUeNgapId: number): NgapPdu => ({
  message: 'UEContextReleaseRequest',
  ies: { amfUeNgapId: 1, ranUeNgapId, cause: { choice: 'nas', value: 'unspecified' } },
});
const downlink = (ranUeNgapId: number): NgapPdu => ({
  message: 'DownlinkNASTransport',
  ies: { amfUeNgapId: 1, ranUeNgapId, nasPdu: Uint8Array.of(0x7e) },
});

describe('the first association', () => {
  it('sets NG up, and comes back for ever when it is lost', async () => {
    const scene = await Scene.ready();
    expect(scene.types()).toEqual(['setupCompleted']);
    scene.end(configured).cut();
    expect(scene.types()).toEqual(['setupCompleted', 'associationLost']);
    expect(scene.connection.ready).toBe(false);
    scene.down.add(configured);
    for (let round = 0; round < 4; round++) await scene.at(scene.connection.deadline() ?? Number.NaN);
    scene.down.clear();
    await scene.at(scene.connection.deadline() ?? Number.NaN);
    expect(scene.end(configured).names).toEqual(['NGSetupRequest']);
    scene.end(configured).says({ message: 'NGSetupResponse', ies: setupFacts() });
    expect(scene.types().at(-1)).toBe('setupCompleted');
  });

  it('a first try that fails is told once; the connection goes on trying', async () => {
    const scene = new Scene();
    scene.down.add(configured);
    scene.connection.start();
    await expect(scene.connection.firstSetup).rejects.toThrow('configured is down');
    expect(scene.connection.deadline()).toBeGreaterThan(0);
    expect(scene.events).toEqual([]);
  });

  it('after close nothing is opened again', async () => {
    const scene = await Scene.ready();
    const dialled = scene.ends.length;
    scene.connection.close();
    expect(scene.end(configured).open).toBe(false);
    scene.end(configured).cut();
    await scene.at(1_000_000);
    expect(scene.ends).toHaveLength(dialled);
  });
});

describe('further associations that an AMF asks for', () => {
  it('[TS38414 5.1] addresses of 32, 128 and 160 bits', () => {
    const of = (length: number) => {
      const bits = Uint8Array.from({ length: length / 8 }, (_, at) => at + 1);
      return tnlAddresses({ choice: 'endpointIpAddress', value: { bits, length } });
    };
    expect(of(32)).toEqual(['1.2.3.4']);
    expect(of(128)).toEqual(['102:304:506:708:90a:b0c:d0e:f10']);
    expect(of(160)).toEqual(['1.2.3.4', '506:708:90a:b0c:d0e:f10:1112:1314']);
    expect(of(64)).toEqual([]);
    expect(tnlAddresses({ choice: 'choiceExtensions' } as never)).toEqual([]);
  });

  it('[TS38413 8.7.3.2] are tried, joined and answered in one list each', async () => {
    const scene = await Scene.ready();
    scene.down.add('10.0.0.3');
    await scene.add(2, 3);
    const second = scene.end('10.0.0.2');
    expect(second.names).toEqual(['RANConfigurationUpdate']);
    expect(scene.end(configured).names).toEqual(['NGSetupRequest']);
    second.says(acknowledge);
    expect(scene.end(configured).heard.at(-1)).toEqual({
      message: 'AMFConfigurationUpdateAcknowledge',
      ies: {
        amfTnlAssociationSetupList: [{ amfTnlAssociationAddress: address(2) }],
        amfTnlAssociationFailedToSetupList: [
          {
            tnlAssociationAddress: address(3),
            cause: { choice: 'transport', value: 'transport-resource-unavailable' },
          },
        ],
      },
    });
    expect(scene.connection.associations).toBe(2);
    expect(scene.types()).toEqual(['setupCompleted', 'amfConfigurationUpdated']);
  });

  it('[TS38413 8.7.3.2] two updates at once are each answered when their own addresses are decided', async () => {
    const scene = await Scene.ready();
    await scene.add(2);
    await scene.add(3);
    scene.end('10.0.0.3').says(acknowledge);
    const answers = () =>
      scene
        .end(configured)
        .heard.filter(({ message }) => message === 'AMFConfigurationUpdateAcknowledge')
        .map(({ ies }) => ies);
    expect(answers()).toEqual([{ amfTnlAssociationSetupList: [{ amfTnlAssociationAddress: address(3) }] }]);
    scene.end('10.0.0.2').says(acknowledge);
    expect(answers()[1]).toEqual({ amfTnlAssociationSetupList: [{ amfTnlAssociationAddress: address(2) }] });
  });
});

describe('further associations and what runs over them', () => {
  it('an address that is there already is there', async () => {
    const scene = await Scene.ready();
    await scene.add(2);
    scene.end('10.0.0.2').says(acknowledge);
    const dialled = scene.ends.length;
    await scene.add(2);
    expect(scene.ends).toHaveLength(dialled);
    expect(scene.end(configured).names.slice(-2)).toEqual([
      'AMFConfigurationUpdateAcknowledge',
      'AMFConfigurationUpdateAcknowledge',
    ]);
  });

  it('[TS38413 8.13.1.2] a UE stays with the association by which the AMF spoke of it, until it is freed', async () => {
    const scene = await Scene.ready();
    await scene.add(2);
    const second = scene.end('10.0.0.2');
    second.says(acknowledge);
    const first = scene.end(configured);
    scene.draw = 0.99;
    first.says(downlink(7));
    scene.connection.send(uplink(7));
    expect(first.names.at(-1)).toBe('UEContextReleaseRequest');
    second.says(downlink(7));
    scene.draw = 0;
    scene.connection.send(uplink(7));
    expect(second.names.at(-1)).toBe('UEContextReleaseRequest');
    second.says({ message: 'UETNLABindingReleaseRequest', ies: { amfUeNgapId: 1, ranUeNgapId: 7 } });
    const before = first.heard.length;
    scene.connection.send(uplink(7));
    expect(first.heard).toHaveLength(before + 1);
    expect(scene.types().filter((type) => type === 'messageReceived')).toHaveLength(2);
  });

  it('messages of no UE keep off an association that is for UEs', async () => {
    const scene = await Scene.ready();
    await scene.add(2);
    scene.end('10.0.0.2').says(acknowledge);
    scene.draw = 0.999;
    const cause = { choice: 'misc', value: 'unspecified' } as const;
    scene.connection.reset({ cause, resetType: { choice: 'ngInterface', value: 'reset-all' } });
    scene.connection.updateRanConfiguration({ ranNodeName: 'new' });
    expect(scene.end(configured).names.slice(-2)).toEqual(['NGReset', 'RANConfigurationUpdate']);
    expect(scene.end('10.0.0.2').names).toEqual(['RANConfigurationUpdate']);
  });
});

describe('further associations that go or change', () => {
  it('the interface outlives the loss of one, and that one joins again instead of setting NG up', async () => {
    const scene = await Scene.ready();
    await scene.add(2);
    scene.end('10.0.0.2').says(acknowledge);
    const first = scene.end(configured);
    first.says(downlink(7));
    first.cut();
    expect(scene.types()).not.toContain('associationLost');
    scene.connection.send(uplink(7));
    expect(scene.end('10.0.0.2').names.at(-1)).toBe('UEContextReleaseRequest');
    await scene.at(scene.connection.deadline() ?? Number.NaN);
    expect(scene.end(configured).names).toEqual(['RANConfigurationUpdate']);
    scene.end('10.0.0.2').cut();
    expect(scene.types().at(-1)).toBe('associationLost');
  });

  it('[TS38413 8.7.3.2] weights and uses change, and associations are removed, but never the last', async () => {
    const scene = await Scene.ready();
    await scene.add(2);
    const second = scene.end('10.0.0.2');
    second.says(acknowledge);
    const first = scene.end(configured);
    const update = { amfTnlAssociationAddress: address(2), tnlAssociationUsage: 'non-ue' as const };
    first.says({
      message: 'AMFConfigurationUpdate',
      ies: { amfTnlAssociationToUpdateList: [update, { amfTnlAssociationAddress: address(9) }] },
    });
    scene.draw = 0.999;
    scene.connection.send(uplink(3));
    expect(first.names.at(-1)).toBe('UEContextReleaseRequest');
    const removal = (host: number): NgapPdu => ({
      message: 'AMFConfigurationUpdate',
      ies: { amfTnlAssociationToRemoveList: [{ amfTnlAssociationAddress: address(host) }] },
    });
    first.says(removal(2));
    expect([second.open, scene.connection.associations]).toEqual([false, 1]);
    first.says(removal(2));
    expect(scene.connection.ready).toBe(true);
  });
});
