/** The message that answers a faulty or impossible one, where one is due. */
import { criticalityDiagnosticsOf, type Diagnosis, type Reaction } from './check.ts';
import type { NgapPdu } from './pdu.ts';
import type { Cause } from './schema/ies.ts';
import { placeOf, procedureOfCode } from './schema/procedures.ts';

/** The two numbers of a UE on N2, as far as a message told them. */
export interface UeIds {
  readonly amfUeNgapId?: number;
  readonly ranUeNgapId?: number;
}

/** The UE's numbers out of the IEs of any message. */
export function ueIdsOf(ies: unknown): UeIds {
  const { amfUeNgapId, ranUeNgapId } = (ies ?? {}) as Record<string, unknown>;
  return {
    ...(typeof amfUeNgapId === 'number' ? { amfUeNgapId } : {}),
    ...(typeof ranUeNgapId === 'number' ? { ranUeNgapId } : {}),
  };
}

/** What the cause of an answer says of each reaction. */
const causes: Readonly<Record<Exclude<Reaction, 'ignore'>, Cause>> = {
  transferSyntax: { choice: 'protocol', value: 'transfer-syntax-error' },
  reject: { choice: 'protocol', value: 'abstract-syntax-error-reject' },
  notify: { choice: 'protocol', value: 'abstract-syntax-error-ignore-and-notify' },
  falselyConstructed: { choice: 'protocol', value: 'abstract-syntax-error-falsely-constructed-message' },
};

/**
 * The message that answers a fault: the procedure's own failure message where it has one and both UE numbers could be
 * read, otherwise an Error Indication [TS38413 8.7.5]. A fault in an Error Indication is answered by nothing, lest two
 * nodes answer each other for ever.
 */
export function answerTo(diagnosis: Diagnosis): NgapPdu | undefined {
  const { reaction, procedureCode, triggeringMessage } = diagnosis;
  const procedure = procedureCode === undefined ? undefined : procedureOfCode.get(procedureCode);
  if (reaction === 'ignore' || procedure?.name === 'ErrorIndication') return undefined;
  const cause = causes[reaction];
  const ids = ueIdsOf(diagnosis.ies);
  const criticalityDiagnostics = criticalityDiagnosticsOf(diagnosis);
  const wantsFailure = reaction === 'reject' || reaction === 'falselyConstructed';
  if (triggeringMessage === 'initiating' && wantsFailure) {
    const failure = failureOf(procedure?.unsuccessful, ids, cause, criticalityDiagnostics);
    if (failure !== undefined) return failure;
  }
  const told = reaction === 'transferSyntax' ? {} : { criticalityDiagnostics };
  return { message: 'ErrorIndication', ies: { ...ids, cause, ...told } };
}

/** Requests whose own response tells which IEs were ignored; the node that takes them writes it there. */
const reporting: ReadonlySet<NgapPdu['message']> = new Set([
  'NGReset',
  'AMFConfigurationUpdate',
  'InitialContextSetupRequest',
  'PDUSessionResourceSetupRequest',
  'PDUSessionResourceModifyRequest',
  'PDUSessionResourceReleaseCommand',
  'UEContextModificationRequest',
  'UEContextReleaseCommand',
]);

/** True when ignored IEs of `message` are reported in its response, where others take an Error Indication [TS38413 10.3.4.2]. */
export function reportsInResponse(message: NgapPdu['message']): boolean {
  return reporting.has(message);
}

/** The failure message of a procedure of this node's, where it has one and what it must carry is known. */
function failureOf(
  message: NgapPdu['message'] | undefined,
  { amfUeNgapId, ranUeNgapId }: UeIds,
  cause: Cause,
  criticalityDiagnostics: ReturnType<typeof criticalityDiagnosticsOf>,
): NgapPdu | undefined {
  if (message === 'NGSetupFailure' || message === 'AMFConfigurationUpdateFailure')
    return { message, ies: { cause, criticalityDiagnostics } };
  if (message !== 'InitialContextSetupFailure' && message !== 'UEContextModificationFailure')
    return undefined;
  if (amfUeNgapId === undefined || ranUeNgapId === undefined) return undefined;
  return { message, ies: { amfUeNgapId, ranUeNgapId, cause, criticalityDiagnostics } };
}

/**
 * The answer to a message that was understood and cannot be obeyed: the procedure's failure message where it has one,
 * otherwise an Error Indication that names the procedure [TS38413 10.4].
 */
export function answerToLogicalError({ message, ies }: NgapPdu, cause: Cause): NgapPdu {
  const place = placeOf.get(message);
  const ids = ueIdsOf(ies);
  if (place === undefined) return { message: 'ErrorIndication', ies: { ...ids, cause } };
  const { procedure, kind } = place;
  const criticalityDiagnostics = criticalityDiagnosticsOf({
    reaction: procedure.criticality,
    procedureCode: procedure.code,
    triggeringMessage: kind,
    procedureCriticality: procedure.criticality,
  });
  const wantsFailure = kind === 'initiating';
  const failure = wantsFailure
    ? failureOf(procedure.unsuccessful, ids, cause, criticalityDiagnostics)
    : undefined;
  return failure ?? { message: 'ErrorIndication', ies: { ...ids, cause, criticalityDiagnostics } };
}

/** Messages that an N3IWF takes from an AMF; any other is of a procedure that it does not know. */
const understood: ReadonlySet<string> = new Set<NgapPdu['message']>([
  ...reporting,
  'NGSetupResponse',
  'NGSetupFailure',
  'NGResetAcknowledge',
  'ErrorIndication',
  'DownlinkNASTransport',
  'PDUSessionResourceModifyConfirm',
  'RANConfigurationUpdateAcknowledge',
  'RANConfigurationUpdateFailure',
  'OverloadStart',
  'OverloadStop',
  'AMFStatusIndication',
  'RerouteNASRequest',
  'UETNLABindingReleaseRequest',
  'LocationReportingControl',
  'TraceStart',
  'DeactivateTrace',
  'Paging',
]);

/** A message of a procedure that this node does not take part in, judged by the procedure's criticality [TS38413 10.3.4]. */
export function notUnderstood(pdu: NgapPdu): Diagnosis | undefined {
  if (understood.has(pdu.message)) return undefined;
  for (const procedure of procedureOfCode.values()) {
    if (procedure.initiating !== pdu.message) continue;
    const { code: procedureCode, criticality } = procedure;
    return {
      reaction: criticality,
      procedureCode,
      triggeringMessage: 'initiating',
      procedureCriticality: criticality,
      ies: ueIdsOf(pdu.ies),
    };
  }
  return { reaction: 'ignore' };
}
