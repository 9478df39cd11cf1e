import type { Criticality } from '../aper/types.ts';
import type { MessageName } from './messages.ts';

/** An elementary procedure: its code, its criticality and the message of each kind [TS38413 9.4.4]. */
export interface Procedure {
  readonly name: string;
  readonly code: number;
  readonly criticality: Criticality;
  readonly initiating: MessageName;
  readonly successful?: MessageName;
  readonly unsuccessful?: MessageName;
}

export const procedures: readonly Procedure[] = [
  {
    name: 'NGSetup',
    code: 21,
    criticality: 'reject',
    initiating: 'NGSetupRequest',
    successful: 'NGSetupResponse',
    unsuccessful: 'NGSetupFailure',
  },
  {
    name: 'NGReset',
    code: 20,
    criticality: 'reject',
    initiating: 'NGReset',
    successful: 'NGResetAcknowledge',
  },
  { name: 'ErrorIndication', code: 9, criticality: 'ignore', initiating: 'ErrorIndication' },
  { name: 'InitialUEMessage', code: 15, criticality: 'ignore', initiating: 'InitialUEMessage' },
  { name: 'DownlinkNASTransport', code: 4, criticality: 'ignore', initiating: 'DownlinkNASTransport' },
  { name: 'UplinkNASTransport', code: 46, criticality: 'ignore', initiating: 'UplinkNASTransport' },
  {
    name: 'InitialContextSetup',
    code: 14,
    criticality: 'reject',
    initiating: 'InitialContextSetupRequest',
    successful: 'InitialContextSetupResponse',
    unsuccessful: 'InitialContextSetupFailure',
  },
  {
    name: 'PDUSessionResourceSetup',
    code: 29,
    criticality: 'reject',
    initiating: 'PDUSessionResourceSetupRequest',
    successful: 'PDUSessionResourceSetupResponse',
  },
  {
    name: 'PDUSessionResourceRelease',
    code: 28,
    criticality: 'reject',
    initiating: 'PDUSessionResourceReleaseCommand',
    successful: 'PDUSessionResourceReleaseResponse',
  },
  { name: 'UEContextReleaseRequest', code: 42, criticality: 'ignore', initiating: 'UEContextReleaseRequest' },
  {
    name: 'UEContextRelease',
    code: 41,
    criticality: 'reject',
    initiating: 'UEContextReleaseCommand',
    successful: 'UEContextReleaseComplete',
  },
];

export const kinds = ['initiating', 'successful', 'unsuccessful'] as const;
export type Kind = (typeof kinds)[number];

interface Place {
  readonly procedure: Procedure;
  readonly kind: Kind;
}

/** Where each message stands among the procedures. */
export const placeOf: ReadonlyMap<MessageName, Place> = new Map(
  procedures.flatMap((procedure) =>
    kinds.flatMap((kind): [MessageName, Place][] => {
      const message = procedure[kind];
      return message === undefined ? [] : [[message, { procedure, kind }]];
    }),
  ),
);

export const procedureOfCode: ReadonlyMap<number, Procedure> = new Map(
  procedures.map((procedure) => [procedure.code, procedure]),
);
