import { type CriticalityDiagnostics, criticalityDiagnosticsOf, type DecodedPdu } from '#ngap';

/** The part of a response that tells the AMF which IEs of its request were ignored; empty when there were none. */
export interface Report {
  readonly criticalityDiagnostics?: CriticalityDiagnostics;
}

/** For a response to a request of which everything was understood. */
export const noReport: Report = {};

/** IEs that came with criticality notify and were not understood go into the response of the procedure [TS38413 10.3.4.2]. */
export function reportOf({ diagnosis }: Pick<DecodedPdu, 'diagnosis'>): Report {
  if (diagnosis?.reaction !== 'notify') return noReport;
  return { criticalityDiagnostics: criticalityDiagnosticsOf(diagnosis) };
}
