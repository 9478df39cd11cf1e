import { z } from 'zod';

/** 128 bits in hexadecimal, as octets. */
const key128 = z
  .string()
  .regex(/^[0-9a-fA-F]{32}$/, 'must be 32 hexadecimal digits in quotes')
  .transform((text) => Uint8Array.from(Buffer.from(text, 'hex')));

/** A subscription, the same in the files of core and UE. */
export const subscriberSchema = z.strictObject({
  imsi: z.string().regex(/^\d{14,15}$/, 'must be 14 or 15 digits in quotes'),
  k: key128,
  opc: key128,
});

/** A PLMN; digits are text, as a leading zero counts. */
export const plmnSchema = z.strictObject({
  mcc: z.string().regex(/^\d{3}$/, 'must be three digits in quotes, such as "001"'),
  mnc: z.string().regex(/^\d{2,3}$/, 'must be two or three digits in quotes, such as "01"'),
});

/** A slice: SST, and SD where the type has several. */
export const sliceSchema = z
  .strictObject({
    sst: z.number().int().min(0).max(255),
    sd: z
      .string()
      .regex(/^[0-9a-fA-F]{6}$/, 'must be six hexadecimal digits in quotes, such as "010203"')
      .optional(),
  })
  .transform(({ sst, sd }) => ({ sst, ...(sd === undefined ? {} : { sd }) }));
