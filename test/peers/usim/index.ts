/** The USIM and its home network: Milenage, the key hierarchy of TS 33.501, 5G-AKA of both sides. */
export * from './aka.ts';
export * from './kdf.ts';
export * from './milenage.ts';
