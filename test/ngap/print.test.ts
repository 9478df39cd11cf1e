import { expect, it } from 'vitest';
import { printNgap } from '../../ngap/index.ts';
import { declaredMessages, example } from '../support/ngap-examples.ts';

it('prints octets, bit strings, choices and lists', () => {
  const text = printNgap({
    message: 'UEContextReleaseRequest',
    ies: {
      amfUeNgapId: 1,
      ranUeNgapId: 2,
      pduSessionResourceListCxtRelReq: [{ pduSessionId: 5 }],
      cause: { choice: 'nas', value: 'deregister' },
    },
  });
  expect(text.split('\n')).toEqual([
    'UEContextReleaseRequest',
    '  amfUeNgapId: 1',
    '  ranUeNgapId: 2',
    '  pduSessionResourceListCxtRelReq',
    '    0',
    '      pduSessionId: 5',
    '  cause',
    '    nas: deregister',
  ]);
});

it('never prints a key', () => {
  const text = printNgap(example('InitialContextSetupRequest'));
  expect(text).toContain('securityKey: [secret]');
  expect(text).not.toContain('00'.repeat(32));
});

it('has a line for every declared message', () => {
  for (const message of declaredMessages) expect(printNgap(example(message))).toContain(message);
});
