import { homeEnvironment } from '../usim/index.ts';
import type { StubCoreConfig, StubSubscriber } from './config.ts';
import { problem, type Route, type SbiResponse } from './http.ts';

/** One authentication under way: what the UE must answer and what the AMF gets for it. */
interface Challenge {
  readonly subscriber: StubSubscriber;
  readonly xresStar: string;
  readonly kSeaf: string;
}

/** Distance between sequence numbers: the low five bits are an index that stays 0 [TS33102 C.1.1.1]. */
const sqnStep = 32;
const hex = (octets: Uint8Array) => Buffer.from(octets).toString('hex');
const flipped = (octets: Uint8Array) => octets.map((octet) => octet ^ 0xff);

/** The AUSF with the vectors of the UDM behind it: 5G-AKA for the configured subscribers. */
export class StubAusf {
  readonly routes: readonly Route[] = [
    {
      method: 'POST',
      path: '/nausf-auth/v1/ue-authentications',
      run: ({ json }) => this.authenticate(String(json.supiOrSuci)),
    },
    {
      method: 'PUT',
      path: '/nausf-auth/v1/ue-authentications/:id/5g-aka-confirmation',
      run: ({ params, json }) => this.confirm(params.id ?? '', String(json.resStar)),
    },
  ];
  private readonly config: StubCoreConfig;
  private readonly random: (length: number) => Uint8Array;
  private readonly challenges = new Map<string, Challenge>();
  private nextId = 1;

  constructor(config: StubCoreConfig, random: (length: number) => Uint8Array) {
    this.config = config;
    this.random = random;
  }

  /** A vector for a subscriber: RAND, AUTN and HXRES* go out, XRES* and K_SEAF stay here [TS33501 6.1.3.2]. */
  private authenticate(supiOrSuci: string): SbiResponse {
    const subscriber = this.config.subscribers.find(({ imsi }) => imsi === imsiOf(supiOrSuci));
    if (subscriber === undefined) return problem(404, 'USER_NOT_FOUND');
    const { keyFault } = subscriber;
    subscriber.sqn += sqnStep;
    const rand = this.random(16);
    const known = keyFault === 'k' ? { ...subscriber, k: flipped(subscriber.k) } : subscriber;
    const vector = homeEnvironment(known, this.config.plmn, rand);
    const kSeaf = keyFault === 'kSeaf' ? flipped(vector.kSeaf) : vector.kSeaf;
    const id = String(this.nextId++);
    this.challenges.set(id, { subscriber, xresStar: hex(vector.xresStar), kSeaf: hex(kSeaf) });
    const own = `${this.config.origin}/nausf-auth/v1/ue-authentications/${id}`;
    return {
      status: 201,
      location: own,
      json: {
        authType: '5G_AKA',
        '5gAuthData': { rand: hex(rand), autn: hex(vector.autn), hxresStar: hex(vector.hxresStar) },
        _links: { '5g-aka': [{ href: `${own}/5g-aka-confirmation` }] },
      },
    };
  }

  /** RES* of the UE: right or not, the challenge is spent. */
  private confirm(id: string, resStar: string): SbiResponse {
    const challenge = this.challenges.get(id);
    if (challenge === undefined) return problem(404, 'CONTEXT_NOT_FOUND');
    this.challenges.delete(id);
    if (resStar.toLowerCase() !== challenge.xresStar) {
      return { status: 200, json: { authResult: 'AUTHENTICATION_FAILURE' } };
    }
    const { subscriber, kSeaf } = challenge;
    const supi = `imsi-${subscriber.imsi}`;
    return { status: 200, json: { authResult: 'AUTHENTICATION_SUCCESS', supi, kseaf: kSeaf } };
  }
}

/** IMSI digits of a SUPI, or of a SUCI of the null scheme: type, MCC, MNC, routing, scheme, key, MSIN [TS29503 5.2]. */
export function imsiOf(supiOrSuci: string): string | undefined {
  const supi = /^imsi-(\d{5,15})$/.exec(supiOrSuci);
  if (supi !== null) return supi[1];
  const suci = /^suci-0-(\d{3})-(\d{2,3})-\d+-0-0-(\d{1,10})$/.exec(supiOrSuci);
  return suci === null ? undefined : `${suci[1]}${suci[2]}${suci[3]}`;
}
