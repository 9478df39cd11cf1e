/** Every procedure of Release 17 that an N3IWF has no part in, one row of the table each. */
import { describe, expect, it } from 'vitest';
import { decodeNgap, encodeNgap, N2Association, type NgapPdu } from '../../ngap/index.ts';
import { type MessageName, messages } from '../../ngap/schema/messages.ts';
import { procedures } from '../../ngap/schema/procedures.ts';
import { example } from '../support/ngap-examples.ts';

const foreign = procedures.filter(
  ({ initiating }) => 'opaque' in messages[initiating] && messages[initiating].opaque,
);
const unknownIes = [{ id: 65_000, criticality: 'ignore', value: Uint8Array.of(1) }];

function ready(): N2Association {
  const { ies } = example('NGSetupRequest') as Extract<NgapPdu, { message: 'NGSetupRequest' }>;
  const association = new N2Association({ setup: ies }, { random: () => 0 });
  association.connect(0);
  association.connected(0, 2);
  association.receive(1, 0, encodeNgap(example('NGSetupResponse')));
  return association;
}

/** What the association sends for `message`, and the events that it raises. */
function reactionTo(message: MessageName) {
  const outputs = ready().receive(2, 0, encodeNgap({ message, ies: { unknownIes } } as unknown as NgapPdu));
  const sent = outputs.flatMap((output) => {
    const pdu = output.kind === 'transmit' ? decodeNgap(output.data) : undefined;
    return pdu?.ok === true ? [pdu.value] : [];
  });
  return { sent, events: outputs.flatMap((output) => (output.kind === 'event' ? [output.event.type] : [])) };
}

describe('procedures of other nodes', () => {
  it('are there to be tested', () => {
    expect(foreign.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['UERadioCapabilityCheck', 'HandoverResourceAllocation', 'WriteReplaceWarning']),
    );
    expect(foreign.length).toBeGreaterThan(30);
  });

  for (const { name, code, criticality, initiating, successful, unsuccessful } of foreign) {
    it(`[TS38413 10.3.4] ${name}: ${criticality === 'reject' ? 'rejected' : 'ignored'}`, () => {
      const { sent, events } = reactionTo(initiating);
      expect(events).toEqual(['messageRejected']);
      if (criticality === 'ignore') expect(sent).toEqual([]);
      else
        expect(sent).toMatchObject([
          {
            message: 'ErrorIndication',
            ies: {
              cause: { choice: 'protocol', value: 'abstract-syntax-error-reject' },
              criticalityDiagnostics: { procedureCode: code, procedureCriticality: 'reject' },
            },
          },
        ]);
    });

    for (const answer of [successful, unsuccessful]) {
      if (answer === undefined) continue;
      it(`[TS38413 10.3.4] ${answer}, which nobody asked for: no message in return`, () => {
        expect(reactionTo(answer).sent).toEqual([]);
      });
    }
  }
});
