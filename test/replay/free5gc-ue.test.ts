import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { replay } from '../../n3iwf/cli/replay.ts';
import { subscriberOf } from '../stub-core/settings.ts';
import { type Conversation, Replay } from './conversations.ts';
import { speakAs } from './recorded-nas.ts';
import { loadCapture } from './steps.ts';

/** free5GC's own UE and AMF with a node by free5GC's configuration file: README.md beside the capture says which. */
const folder = fileURLToPath(new URL('../captures/free5gc', import.meta.url));
const capture = `${folder}/n3iwue.pcap`;
const { conversations, setup } = loadCapture(capture);

/** A UE of ours that says what free5GC's said, and the recorded AMF. */
async function run(conversation: Conversation): Promise<Replay> {
  const one = new Replay(conversation, {}, setup);
  speakAs(one.world.ue.ue, conversation);
  await one.step(() => one.world.ue.ue.start());
  return one;
}

function print(options: Parameters<typeof replay>[1]): { status: number; text: string } {
  const lines: string[] = [];
  const status = replay(capture, options, (line) => void lines.push(line));
  return { status, text: lines.join('\n') };
}

describe("free5GC's UE on our N2", () => {
  test('five attaches of four subscribers, one of them twice', () => {
    const imsis = [0, 1, 1, 2, 3].map((index) => subscriberOf(index).imsi);
    expect(conversations.map(({ imsi }) => imsi).sort()).toEqual(imsis.sort());
  });

  test.each(conversations.map((conversation) => [conversation.ranUeNgapId, conversation] as const))(
    '[TS24502 7.3] UE %i: what it said comes to the AMF octet by octet, and what the AMF says leads it through its life',
    async (_, conversation) => {
      const one = await run(conversation);
      // The UE that was killed answered no Delete before the recording ended, so that the AMF was not told yet.
      const wasTold = conversation.messages.some(({ pdu }) => pdu.message === 'UEContextReleaseComplete');
      expect({ unexpected: one.unexpected, missing: one.missing, withheld: one.withheld }).toEqual({
        unexpected: wasTold ? [] : ['UEContextReleaseComplete'],
        missing: [],
        withheld: 0,
      });
      expect(one.world.left()).toEqual({ ues: 0, teids: 0, addresses: 0 });
    },
  );
});

describe("free5GC's UE on our NWu", () => {
  test('[RFC7296 2.15] its messages lead our engine to the answers of the capture, IKE_AUTH and Child SAs included', () => {
    const { status, text } = print({ againstEngine: `${folder}/n3iwue.record` });
    expect(text).toMatch(/[5-9]\d messages compared: the engine sends what was captured/);
    expect(status).toBe(0);
  });

  test('every message opens with the keys of the log and breaks no rule', () => {
    const { status, text } = print({ keys: `${folder}/n3iwue.keys`, json: true });
    const report = JSON.parse(text) as Record<'ikeSas' | 'sealed' | 'faults' | 'espPackets', number>;
    expect(status).toBe(0);
    expect(report).toMatchObject({ ikeSas: conversations.length, sealed: 0, faults: 0 });
    expect(report.espPackets).toBeGreaterThan(200);
  });
});
