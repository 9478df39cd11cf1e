/** The door of the NGAP core: messages as values, to and from APER. */

export { answerTo, answerToLogicalError, reportsInResponse, type UeIds, ueIdsOf } from './answers.ts';
export type { BitString, Criticality, UnknownIe, ValueOf } from './aper/types.ts';
export {
  N2Association,
  type N2Config,
  type N2Event,
  type N2Output,
  type N2Ports,
  type N2State,
  type N2Timers,
} from './association.ts';
export { criticalityDiagnosticsOf, type Diagnosis, type DiagnosisItem, type Reaction } from './check.ts';
export type { OwnRequest, OwnRequestName } from './own-requests.ts';
export {
  type DecodedPdu,
  decodeNgap,
  decodeTransfer,
  encodeNgap,
  encodeTransfer,
  NgapError,
  type NgapPdu,
} from './pdu.ts';
export { printNgap } from './print.ts';
export { AperError, type Result } from './result.ts';
export type {
  Cause,
  CriticalityDiagnostics,
  GlobalRanNodeId,
  Guami,
  QosFlowLevelQosParameters,
  RRCEstablishmentCause,
  SNssai,
  UpTransportLayerInformation,
  UserLocationInformation,
} from './schema/ies.ts';
export type { MessageIes, MessageName } from './schema/messages.ts';
export type { PDUSessionResourceSetupRequestTransfer, Transfer, TransferName } from './schema/transfers.ts';

import type { MessageIes } from './schema/messages.ts';

/** IEs of messages that the node handles by themselves, under the names of their messages. */
export type DownlinkNASTransport = MessageIes<'DownlinkNASTransport'>;
export type InitialContextSetupRequest = MessageIes<'InitialContextSetupRequest'>;
export type InitialContextSetupResponse = MessageIes<'InitialContextSetupResponse'>;
export type PDUSessionResourceSetupRequest = MessageIes<'PDUSessionResourceSetupRequest'>;
export type PDUSessionResourceReleaseCommand = MessageIes<'PDUSessionResourceReleaseCommand'>;
export type UEContextReleaseCommand = MessageIes<'UEContextReleaseCommand'>;
