/** The containers that travel between SMF and N3IWF inside octet strings [TS38413 9.3.4]. */
import {
  container,
  enumerated,
  extensions,
  integer,
  mandatory,
  maybe,
  octetString,
  optional,
  sequence,
  sequenceOf,
} from '../aper/build.ts';
import type { ValueOf } from '../aper/types.ts';
import * as ie from './ies.ts';

const ieExtensions = extensions;

const qosFlowSetupRequestList = sequenceOf(
  sequence({
    qosFlowIdentifier: ie.qosFlowIdentifier,
    qosFlowLevelQosParameters: ie.qosFlowLevelQosParameters,
    eRabId: optional(integer(0, 15, true)),
    ieExtensions,
  }),
  1,
  64,
);
const qosFlowPerTnlInformation = sequence({
  upTransportLayerInformation: ie.upTransportLayerInformation,
  associatedQosFlowList: sequenceOf(
    sequence({
      qosFlowIdentifier: ie.qosFlowIdentifier,
      qosFlowMappingIndication: optional(enumerated(['ul', 'dl'], [])),
      ieExtensions,
    }),
    1,
    64,
  ),
  ieExtensions,
});
const qosFlowListWithCause = sequenceOf(
  sequence({ qosFlowIdentifier: ie.qosFlowIdentifier, cause: ie.cause, ieExtensions }),
  1,
  64,
);

const requestIes = container({
  pduSessionAggregateMaximumBitRate: maybe(130, 'reject', ie.pduSessionAggregateMaximumBitRate),
  ulNguUpTnlInformation: mandatory(139, 'reject', ie.upTransportLayerInformation),
  dataForwardingNotPossible: maybe(127, 'reject', enumerated(['data-forwarding-not-possible'], [])),
  pduSessionType: mandatory(134, 'reject', ie.pduSessionType),
  securityIndication: maybe(138, 'reject', ie.securityIndication),
  networkInstance: maybe(129, 'reject', integer(1, 256, true)),
  qosFlowSetupRequestList: mandatory(136, 'reject', qosFlowSetupRequestList),
  commonNetworkInstance: maybe(166, 'ignore', octetString()),
});

/** Each transfer by its name in TS 38.413; those that are protocol IE lists say so. */
export const transfers = {
  PDUSessionResourceSetupRequestTransfer: sequence({ ies: requestIes }),
  PDUSessionResourceSetupResponseTransfer: sequence({
    dlQosFlowPerTnlInformation: qosFlowPerTnlInformation,
    additionalDlQosFlowPerTnlInformation: optional(
      sequenceOf(sequence({ qosFlowPerTnlInformation, ieExtensions }), 1, 3),
    ),
    securityResult: optional(ie.securityResult),
    qosFlowFailedToSetupList: optional(qosFlowListWithCause),
    ieExtensions,
  }),
  PDUSessionResourceSetupUnsuccessfulTransfer: sequence({
    cause: ie.cause,
    criticalityDiagnostics: optional(ie.criticalityDiagnostics),
    ieExtensions,
  }),
  PDUSessionResourceReleaseCommandTransfer: sequence({ cause: ie.cause, ieExtensions }),
  PDUSessionResourceReleaseResponseTransfer: sequence({ ieExtensions }),
} as const;

export type TransferName = keyof typeof transfers;
type Raw<N extends TransferName> = ValueOf<(typeof transfers)[N]>;
/** The value of a transfer; for one that is a list of protocol IEs, those IEs. */
export type Transfer<N extends TransferName> = Raw<N> extends { readonly ies: infer I } ? I : Raw<N>;
export type PDUSessionResourceSetupRequestTransfer = Transfer<'PDUSessionResourceSetupRequestTransfer'>;
