/** The command `n3iwf doctor --kme`: does the KME of a configuration answer as ETSI GS QKD 014 says? */
import { type ProbeReport, probeKme } from '#qkd';
import { OperatorError } from '../errors.ts';
import { KmeHttpsTransport, type TlsMaterial } from '../io/kme-https.ts';
import { monotonicMs } from '../io/machine.ts';
import { type Etsi014Config, etsi014Of, type QkdConfig } from '../qkd-config.ts';
import { readNamedFile } from './configuration-file.ts';
import { readNodeConfig } from './node-config.ts';

/** Options of the command line. */
export interface DoctorKmeOptions {
  /** Configuration of `n3iwf run`; its `qkd` section says which KME. */
  readonly config: string;
  readonly json?: boolean;
  /** Access of the SAE at the other end, for the round trip; all four or none. */
  readonly peerUrl?: string;
  readonly peerKmeId?: string;
  readonly peerCert?: string;
  readonly peerKey?: string;
}

/** Who we are and whom we ask. */
type KmeAccess = Etsi014Config & Pick<QkdConfig, 'saeId' | 'ueSaeId'>;

const text = (octets: Uint8Array) => new TextDecoder().decode(octets);

/**
 * Probes and prints the report.
 *
 * @returns 0 when nothing failed (warnings may stand), 1 otherwise
 * @throws OperatorError for a configuration that is unusable or has no KME
 */
export async function doctorKme(options: DoctorKmeOptions): Promise<number> {
  const qkd = etsi014Of(readNodeConfig(options.config).config.qkd);
  if (qkd === undefined)
    throw new OperatorError(
      'N3IWF_E_CONFIG',
      `${options.config}: qkd.kme is missing, so there is no KME to look at`,
    );
  const report = await probeOf(qkd, options);
  const print = (line: string) => process.stdout.write(`${line}\n`);
  if (options.json === true) print(JSON.stringify({ kmeId: qkd.kmeId, url: qkd.kme, ...report }));
  else for (const line of reportLines(qkd, report)) print(line);
  return report.findings.some((finding) => finding.verdict === 'fail') ? 1 : 0;
}

/** Who we are towards the KME of a configuration. @throws OperatorError when a file cannot be read */
export function ownTls(qkd: KmeAccess): TlsMaterial {
  return {
    certificate: text(readNamedFile('qkd.certificate', qkd.certificate)),
    privateKey: text(readNamedFile('qkd.key', qkd.key)),
    authority: text(readNamedFile('qkd.ca', qkd.ca)),
  };
}

/** The way to the KME of a configuration; the caller closes it. @throws OperatorError when a file cannot be read */
export function openKme(qkd: KmeAccess): KmeHttpsTransport {
  return new KmeHttpsTransport({ url: qkd.kme, kmeId: qkd.kmeId, tls: ownTls(qkd) });
}

/** Runs the conformance probe, the round trip included where `options` say how to reach the other end. */
export async function probeOf(qkd: KmeAccess, options: DoctorKmeOptions): Promise<ProbeReport> {
  const tls = ownTls(qkd);
  const { authority } = tls;
  const open = (access: { url: string; kmeId: string; tls: TlsMaterial }) => {
    const transport = new KmeHttpsTransport(access);
    opened.push(transport);
    return transport;
  };
  const opened: KmeHttpsTransport[] = [];
  const own = { url: qkd.kme, kmeId: qkd.kmeId };
  const peer = peerAccess(options, authority);
  try {
    return await probeKme({
      transport: open({ ...own, tls }),
      anonymous: open({ ...own, tls: { certificate: '', privateKey: '', authority } }),
      ...(peer === undefined ? {} : { peer: open(peer) }),
      kmeId: qkd.kmeId,
      saeId: qkd.saeId,
      peerSaeId: qkd.ueSaeId,
      now: monotonicMs,
    });
  } finally {
    for (const transport of opened) transport.close();
  }
}

/** Undefined when none of the four is given. @throws OperatorError when some are */
function peerAccess(
  { peerUrl, peerKmeId, peerCert, peerKey }: DoctorKmeOptions,
  authority: string,
): { url: string; kmeId: string; tls: TlsMaterial } | undefined {
  const given = [peerUrl, peerKmeId, peerCert, peerKey].filter((value) => value !== undefined);
  if (given.length === 0) return undefined;
  if (peerUrl === undefined || peerKmeId === undefined || peerCert === undefined || peerKey === undefined)
    throw new OperatorError(
      'N3IWF_E_CONFIG',
      'the round trip needs --peer-url, --peer-kme-id, --peer-cert and --peer-key together',
    );
  const certificate = text(readNamedFile('--peer-cert', peerCert));
  return {
    url: peerUrl,
    kmeId: peerKmeId,
    tls: { certificate, privateKey: text(readNamedFile('--peer-key', peerKey)), authority },
  };
}

const MARKS = { pass: 'pass', warn: 'WARN', fail: 'FAIL', skip: 'skip' } as const;

/** One line per check, a sum at the end. */
function reportLines(qkd: KmeAccess, { findings, keysSpent, medianMs }: ProbeReport): string[] {
  const count = (verdict: string) => findings.filter((finding) => finding.verdict === verdict).length;
  return [
    `KME ${qkd.kmeId} at ${qkd.kme}, SAE ${qkd.saeId} with ${qkd.ueSaeId}`,
    ...findings.map(
      ({ check, clause, verdict, detail }) => `  ${MARKS[verdict]}  ${check} [${clause}]: ${detail}`,
    ),
    `${count('pass')} passed, ${count('warn')} warnings, ${count('fail')} failed, ${count('skip')} skipped; ` +
      `${keysSpent} keys spent, ${Math.round(medianMs)} ms per answer`,
  ];
}
