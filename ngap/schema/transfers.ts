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

/** Named as the ASN.1 names the component, for the short form of a property. */
const ieExtensions = extensions;
/** Which of several user planes a session is in, where an SMF tells them apart. */
const networkInstance = integer(1, 256, true); // 9.3.1.113

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

const upTransportLayerInformationList = sequenceOf(
  sequence({ nguUpTnlInformation: ie.upTransportLayerInformation, ieExtensions }),
  1,
  3,
);

const requestIes = container({
  pduSessionAggregateMaximumBitRate: maybe(130, 'reject', ie.pduSessionAggregateMaximumBitRate),
  ulNguUpTnlInformation: mandatory(139, 'reject', ie.upTransportLayerInformation),
  additionalUlNguUpTnlInformation: maybe(126, 'reject', upTransportLayerInformationList),
  dataForwardingNotPossible: maybe(127, 'reject', enumerated(['data-forwarding-not-possible'], [])),
  pduSessionType: mandatory(134, 'reject', ie.pduSessionType),
  securityIndication: maybe(138, 'reject', ie.securityIndication),
  networkInstance: maybe(129, 'reject', networkInstance),
  qosFlowSetupRequestList: mandatory(136, 'reject', qosFlowSetupRequestList),
  commonNetworkInstance: maybe(166, 'ignore', octetString()),
});

const qosFlowPerTnlInformationList = sequenceOf(sequence({ qosFlowPerTnlInformation, ieExtensions }), 1, 3);
const flows = sequenceOf(sequence({ qosFlowIdentifier: ie.qosFlowIdentifier, ieExtensions }), 1, 64);

const modifyIes = container({
  pduSessionAggregateMaximumBitRate: maybe(130, 'reject', ie.pduSessionAggregateMaximumBitRate),
  ulNguUpTnlModifyList: maybe(
    140,
    'reject',
    sequenceOf(
      sequence({
        ulNguUpTnlInformation: ie.upTransportLayerInformation,
        dlNguUpTnlInformation: ie.upTransportLayerInformation,
        ieExtensions,
      }),
      1,
      4,
    ),
  ),
  networkInstance: maybe(129, 'reject', networkInstance),
  qosFlowAddOrModifyRequestList: maybe(
    135,
    'reject',
    sequenceOf(
      sequence({
        qosFlowIdentifier: ie.qosFlowIdentifier,
        qosFlowLevelQosParameters: optional(ie.qosFlowLevelQosParameters),
        eRabId: optional(integer(0, 15, true)),
        ieExtensions,
      }),
      1,
      64,
    ),
  ),
  qosFlowToReleaseList: maybe(137, 'reject', qosFlowListWithCause),
  additionalUlNguUpTnlInformation: maybe(126, 'reject', upTransportLayerInformationList),
  commonNetworkInstance: maybe(166, 'ignore', octetString()),
});

/** Each transfer by its name in TS 38.413; those that are protocol IE lists say so. */
export const transfers = {
  // 9.3.4.1
  PDUSessionResourceSetupRequestTransfer: sequence({ ies: requestIes }),
  // 9.3.4.2
  PDUSessionResourceSetupResponseTransfer: sequence({
    dlQosFlowPerTnlInformation: qosFlowPerTnlInformation,
    additionalDlQosFlowPerTnlInformation: optional(qosFlowPerTnlInformationList),
    securityResult: optional(ie.securityResult),
    qosFlowFailedToSetupList: optional(qosFlowListWithCause),
    ieExtensions,
  }),
  // 9.3.4.16
  PDUSessionResourceSetupUnsuccessfulTransfer: sequence({
    cause: ie.cause,
    criticalityDiagnostics: optional(ie.criticalityDiagnostics),
    ieExtensions,
  }),
  // 9.3.4.3
  PDUSessionResourceModifyRequestTransfer: sequence({ ies: modifyIes }),
  // 9.3.4.4
  PDUSessionResourceModifyResponseTransfer: sequence({
    dlNguUpTnlInformation: optional(ie.upTransportLayerInformation),
    ulNguUpTnlInformation: optional(ie.upTransportLayerInformation),
    qosFlowAddOrModifyResponseList: optional(flows),
    additionalDlQosFlowPerTnlInformation: optional(qosFlowPerTnlInformationList),
    qosFlowFailedToAddOrModifyList: optional(qosFlowListWithCause),
    ieExtensions,
  }),
  // 9.3.4.17
  PDUSessionResourceModifyUnsuccessfulTransfer: sequence({
    cause: ie.cause,
    criticalityDiagnostics: optional(ie.criticalityDiagnostics),
    ieExtensions,
  }),
  // 9.3.4.5
  PDUSessionResourceNotifyTransfer: sequence({
    qosFlowNotifyList: optional(
      sequenceOf(
        sequence({
          qosFlowIdentifier: ie.qosFlowIdentifier,
          notificationCause: enumerated(['fulfilled', 'not-fulfilled'], []),
          ieExtensions,
        }),
        1,
        64,
      ),
    ),
    qosFlowReleasedList: optional(qosFlowListWithCause),
    ieExtensions,
  }),
  // 9.3.4.13
  PDUSessionResourceNotifyReleasedTransfer: sequence({ cause: ie.cause, ieExtensions }),
  // 9.3.4.6
  PDUSessionResourceModifyIndicationTransfer: sequence({
    dlQosFlowPerTnlInformation: qosFlowPerTnlInformation,
    additionalDlQosFlowPerTnlInformation: optional(qosFlowPerTnlInformationList),
    ieExtensions,
  }),
  // 9.3.4.7
  PDUSessionResourceModifyConfirmTransfer: sequence({
    qosFlowModifyConfirmList: flows,
    ulNguUpTnlInformation: ie.upTransportLayerInformation,
    additionalNgUUpTnlInformation: optional(
      sequenceOf(
        sequence({
          ulNguUpTnlInformation: ie.upTransportLayerInformation,
          dlNguUpTnlInformation: ie.upTransportLayerInformation,
          ieExtensions,
        }),
        1,
        3,
      ),
    ),
    qosFlowFailedToModifyList: optional(qosFlowListWithCause),
    ieExtensions,
  }),
  // 9.3.4.22
  PDUSessionResourceModifyIndicationUnsuccessfulTransfer: sequence({ cause: ie.cause, ieExtensions }),
  // 9.3.4.12
  PDUSessionResourceReleaseCommandTransfer: sequence({ cause: ie.cause, ieExtensions }),
  // 9.3.4.21
  PDUSessionResourceReleaseResponseTransfer: sequence({ ieExtensions }),
} as const;

/** Name of a transfer as in TS 38.413. */
export type TransferName = keyof typeof transfers;
/** As the codec has it, with the list of IEs still inside its sequence. */
type Raw<N extends TransferName> = ValueOf<(typeof transfers)[N]>;
/** The value of a transfer; for one that is a list of protocol IEs, those IEs. */
export type Transfer<N extends TransferName> = Raw<N> extends { readonly ies: infer I } ? I : Raw<N>;
/** What the SMF asks of a new session: the UPF's tunnel end, its flows, and its type. */
export type PDUSessionResourceSetupRequestTransfer = Transfer<'PDUSessionResourceSetupRequestTransfer'>;
