/** What `qkd.audit` and `qkd.retention` take, and what is said of what they do not. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { readKeyPolicy } from '../../n3iwf/cli/key-storage.ts';
import { readConfig } from '../../n3iwf/config.ts';

const example = parse(readFileSync(new URL('../../deploy/n3iwf.example.yaml', import.meta.url), 'utf8'));

function qkdWith(more: object) {
  return readConfig({ ...example, qkd: { ...example.qkd, ...more } }, 'test').qkd;
}

const signed = { signingKey: '/a.pem', checkpoints: '/b' };

describe('qkd.audit', () => {
  it('signs, hides and archives, each by itself', () => {
    expect(qkdWith({ audit: signed })?.audit).toMatchObject({ everyEvents: 1000, keyIds: 'plain' });
    const hidden = { keyIds: 'hashed', keyIdSecret: { credential: 'ids' } };
    expect(qkdWith({ audit: hidden })?.audit).toMatchObject(hidden);
    expect(qkdWith({ audit: { archive: { folder: '/c' } } })?.audit?.archive).toEqual({
      folder: '/c',
      segmentRows: 50_000,
    });
  });

  it.each([
    [{ checkpoints: '/b' }, /qkd\.audit\.signingKey: is missing, and checkpoints need it/],
    [{ signingKey: '/a.pem' }, /qkd\.audit\.checkpoints: is missing/],
    [{ syslog: { host: '192.0.2.1' } }, /qkd\.audit\.signingKey: is missing, and syslog/],
    [{ keyIds: 'hashed' }, /qkd\.audit\.keyIdSecret: is missing/],
    [{ keyIds: 'none' }, /qkd\.audit\.keyIds/],
    [{ archive: {} }, /qkd\.audit\.archive\.folder/],
    [{ archive: { folder: '/c', segmentRows: 10 } }, /qkd\.audit\.archive\.segmentRows/],
    [{ archive: { folder: '/c', keepDays: 0 } }, /qkd\.audit\.archive\.keepDays/],
  ])('says what is wrong with %j', (audit, says) => {
    expect(() => qkdWith({ audit })).toThrow(says);
  });
});

describe('qkd.retention', () => {
  it('is in days, and absent where it is left out', () => {
    const policy = (more: object) => {
      const qkd = qkdWith(more);
      if (qkd === undefined) throw new Error('no keys');
      return readKeyPolicy(qkd);
    };
    expect(policy({ retention: { endedDays: 2 } }).retention).toEqual({
      endedMs: 2 * 86_400_000,
      unendedMs: 365 * 86_400_000,
    });
    expect(policy({})).toEqual({});
    expect(() => policy({ retention: { endedDays: -1 } })).toThrow(/qkd\.retention\.endedDays/);
  });
});
