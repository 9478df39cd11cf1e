/** The least that a file of `n3iwf run` must say; a test adds what it is about. */
export const leastConfig = {
  ike: { address: '192.0.2.1', identity: 'n3iwf.example', auth: 'eap-only', ppk: 'none' },
  inner: { pool: '10.45.0.0/16', address: '10.45.0.1' },
  n2: {
    n3iwfId: 135,
    plmn: { mcc: '208', mnc: '93' },
    tac: '000001',
    slices: [{ sst: 1, sd: '010203' }],
    amfs: [{ addresses: ['192.0.2.10'] }],
  },
  n3: { address: '192.0.2.1' },
};
