/** What charon is configured with: the connections that it starts, and those in which it answers. */
import { charonAddress, ownAddress } from './charon.ts';
import { natOutside, ppkId, ppkSecret, sharedSecret } from './our-peer.ts';

/** What differs between the connections that charon starts. */
export interface Connection {
  readonly ike: string;
  readonly esp: string;
  readonly auth?: 'psk' | 'pubkey';
  /** Certificate of charon's own, a file of {@link SwanctlFiles}. */
  readonly certificate?: string;
  readonly more?: string;
  /** Charon's own address. */
  readonly from?: string;
  readonly to?: string;
}

const gcm = { ike: 'aes256gcm16-prfsha256-x25519', esp: 'aes256gcm16' } as const;

/** By name; the child of each has its name with a `c` behind. */
export const connections: Readonly<Record<string, Connection>> = {
  gcm,
  cbc: { ike: 'aes256-sha256-ecp256', esp: 'aes256-sha256-ecp256' },
  modp: { ike: 'aes128-sha512-modp2048', esp: 'aes128-sha512' },
  group: { ike: 'aes256gcm16-prfsha256-ecp384-x25519', esp: 'aes256gcm16' },
  ppk: { ...gcm, more: `ppk_id = ${ppkId}\n ppk_required = yes` },
  stranger: { ...gcm, more: 'ppk_id = ppk-9999' },
  roam: { ...gcm, from: '%any' },
  childless: { ...gcm, more: 'childless = force' },
  dpd: { ...gcm, more: 'dpd_delay = 1s' },
  nat: { ...gcm, to: natOutside, more: 'mobike = no' },
  natmobike: { ...gcm, to: natOutside, more: 'dpd_delay = 1s' },
  cert: { ...gcm, auth: 'pubkey', certificate: 'rsa.pem' },
  certec: { ...gcm, auth: 'pubkey', certificate: 'ecdsa.pem' },
  certnat: { ...gcm, auth: 'pubkey', certificate: 'rsa.pem', to: natOutside },
};

/** One connection as swanctl reads it. */
export function connectionText(name: string, connection: Connection): string {
  const {
    ike,
    esp,
    auth = 'psk',
    certificate,
    more = '',
    from = charonAddress,
    to = ownAddress,
  } = connection;
  return `${name} { version = 2
    local_addrs = ${from}
    remote_addrs = ${to}
    vips = 0.0.0.0
    proposals = ${ike}
    ${more}
    local { auth = ${auth}
      id = ue1.test
      ${certificate === undefined ? '' : `certs = ${certificate}`} }
    remote { auth = ${auth}
      id = n3iwf.test }
    children { ${name}c { remote_ts = 10.55.0.0/24
      esp_proposals = ${esp} } } }`;
}

/** What charon takes from us; the default of one that knows ML-KEM has it, too. */
const answered =
  process.env.INTEROP_CHARON === undefined
    ? 'aes256gcm16-prfsha256-x25519'
    : 'aes256gcm16-prfsha256-mlkem768, aes256gcm16-prfsha256-x25519-ke1_mlkem512-ke1_mlkem768-ke1_none-ke2_mlkem1024-ke2_none, aes256-sha256-ecp256-ke1_mlkem768';

/** What charon answers with when we start; a PPK is looked up by the ID that we name. */
function answering(name: string, auth: 'psk' | 'pubkey', ids: { charon: string; ours: string }): string {
  return `${name} { version = 2
    local_addrs = ${charonAddress}
    remote_addrs = %any
    pools = inner
    proposals = ${answered}
    local { auth = ${auth}
      id = ${ids.charon}
      ${auth === 'pubkey' ? 'certs = gateway.pem' : ''} }
    remote { auth = ${auth}
      id = ${ids.ours} }
    children { ${name}c { local_ts = 10.55.0.0/24
      esp_proposals = aes256gcm16 } } }`;
}

/** The whole `swanctl.conf`. */
export function swanctlConf(): string {
  const hex = Buffer.from(ppkSecret).toString('hex');
  const started = Object.entries(connections).map(([name, each]) => connectionText(name, each));
  return `connections { ${started.join('\n')}
${answering('answer', 'psk', { charon: 'charon.test', ours: 'our-ue.test' })}
${answering('certanswer', 'pubkey', { charon: 'gateway.test', ours: 'our-cert.test' })} }
pools { inner { addrs = 10.60.0.128/28 } }
secrets { ike-1 { secret = "${sharedSecret}" }
  ppk-1 { id = ${ppkId}
    secret = 0x${hex} }
  ppk-2 { id = ppk-9999
    secret = 0x${hex} } }
`;
}
