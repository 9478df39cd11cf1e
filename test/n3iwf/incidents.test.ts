import { describe, expect, it } from 'vitest';
import { type IncidentStore, Incidents, QberWatch } from '../../n3iwf/incidents.ts';
import { silentLog } from '../../n3iwf/log.ts';
import { KeyUses } from '../../n3iwf/nwu/key-uses.ts';

const WALL = 1_800_000_000_000;

interface Asked {
  readonly quarantined: [number, number, string, string | undefined][];
  readonly ended: [readonly string[], string][];
  zeroised: string | undefined;
}

function incidentsOf(more: Partial<IncidentStore> = {}): { incidents: Incidents; asked: Asked } {
  const asked: Asked = { quarantined: [], ended: [], zeroised: undefined };
  const store: IncidentStore = {
    now: () => 5_000_000,
    quarantine: async (...parameters) => {
      asked.quarantined.push(parameters as Asked['quarantined'][number]);
      return { used: ['k1', 'k2'], distrusted: ['k0', 'k1', 'k2'] };
    },
    othersIncidents: async () => [],
    zeroise: async (reason) => {
      asked.zeroised = reason;
    },
    ...more,
  };
  const node = {
    rekeySasOf: (keyIds: readonly string[], text: string) => {
      asked.ended.push([keyIds, text]);
      return keyIds.length;
    },
    endAllSas: (text: string) => {
      asked.ended.push([['all'], text]);
      return 7;
    },
  };
  return {
    incidents: new Incidents({ store, node, log: silentLog, wallMs: () => WALL, newId: () => 'i-1' }),
    asked,
  };
}

describe('an incident', () => {
  it('distrusts keys by how long ago they came, in store time, and ends their SAs under its ID', async () => {
    const { incidents, asked } = incidentsOf();
    const report = await incidents.quarantine(WALL - 60_000, 'test', 'sae-ue');
    expect(report).toEqual({ incident: 'i-1', usedKeys: 2, rekeyedSas: 3, endedSas: 0 });
    expect(asked.quarantined).toEqual([[4_940_000, 5_000_001, 'incident i-1: test', 'sae-ue']]);
    // An SA may rest on what an earlier incident has found, whose node looked after its own SAs alone.
    expect(asked.ended).toEqual([[['k0', 'k1', 'k2'], 'incident i-1: test']]);
  });

  it('of a time to come distrusts what comes now', async () => {
    const { incidents, asked } = incidentsOf();
    await incidents.quarantine(WALL + 60_000, 'test');
    expect(asked.quarantined[0]?.slice(0, 2)).toEqual([5_000_000, 5_000_001]);
  });

  it('that cannot be written down ends no SA and is told', async () => {
    const { incidents, asked } = incidentsOf({ quarantine: () => Promise.reject(new Error('disk is full')) });
    await expect(incidents.quarantine(0, 'test')).rejects.toThrow('disk is full');
    expect(asked.ended).toEqual([]);
  });

  it('of tampering destroys every key and ends every SA, even when the store fails', async () => {
    const { incidents, asked } = incidentsOf();
    expect(await incidents.tamper('lid open')).toMatchObject({ endedSas: 7 });
    expect(asked.zeroised).toBe('incident i-1: lid open');
    const failing = incidentsOf({ zeroise: () => Promise.reject(new Error('disk is gone')) });
    await expect(failing.incidents.tamper('lid open')).rejects.toThrow('disk is gone');
    expect(failing.asked.ended).toEqual([[['all'], 'incident i-1: lid open']]);
  });
});

describe('the watch on the error rate', () => {
  it('starts one incident per alarm, from the last good moment on', async () => {
    const { incidents, asked } = incidentsOf();
    const watch = new QberWatch(incidents, 'sae-ue', { raiseAfterMs: 2000, clearAfterMs: 5000 });
    for (const [at, qber] of [
      [-10, 0.02],
      [-9, 0.02],
      [-8, 0.2],
      [-7, 0.2],
    ] as const)
      expect(await watch.observe(WALL + at * 1000, qber)).toBeUndefined();
    expect(watch.trusted).toBe(true);
    expect(await watch.observe(WALL - 6000, 0.2)).toMatchObject({ incident: 'i-1' });
    expect(watch.trusted).toBe(false);
    expect(asked.quarantined).toEqual([
      [4_991_000, 5_000_001, 'incident i-1: error rate of the link at 20.0 %', 'sae-ue'],
    ]);
    expect(await watch.observe(WALL - 5000, 0.3)).toBeUndefined();
    for (const at of [-4, -3, -2, -1, 0, 1, 2]) await watch.observe(WALL + at * 1000, 0.01);
    expect(watch.trusted).toBe(true);
    expect(asked.quarantined).toHaveLength(1);
  });
});

/** What `keyIds` are found under, once they are distrusted: IKE SA, whether it rests on them itself, Child SAs. */
function affectedBy(uses: KeyUses, ...keyIds: string[]) {
  uses.distrust(keyIds);
  const found = uses.affected();
  uses.endDistrust();
  return found.map(({ ikeSaId, ikeSa, childSaIds }) => [ikeSaId, ikeSa, ...childSaIds]);
}

/** IKE SAs that have asked for keys. */
function expecting(...ikeSaIds: number[]): KeyUses {
  const uses = new KeyUses();
  for (const ikeSaId of ikeSaIds) uses.expectKey(ikeSaId);
  return uses;
}

describe('the uses of keys', () => {
  it('find the SAs of a key, whatever the case of its ID, until they are gone', () => {
    const uses = expecting(1, 2);
    uses.note(1, 'AA');
    uses.note(1, 'bb');
    uses.note(2, 'cc');
    uses.ikeSaUp(1);
    uses.childSaUp(1, 10, 'bb');
    expect(affectedBy(uses, 'aa')).toEqual([[1, true, 10]]);
    expect(affectedBy(uses, 'BB', 'cc', 'dd')).toEqual([
      [1, true, 10],
      [2, true],
    ]);
    expect(uses.keysOf(1)).toEqual(['aa', 'bb']);
    expect(uses.forget(1)).toEqual(['aa', 'bb']);
    expect(uses.forget(1)).toEqual([]);
    expect(uses.note(1, 'ee')).toBe(false);
    expect(uses.keysOf(1)).toEqual([]);
    expect(affectedBy(uses, 'aa')).toEqual([]);
    expect(uses.total).toBe(4);
  });

  it('follow rekeys: a fresh key frees what it replaces, once nothing else rests on that', () => {
    const uses = expecting(1);
    uses.note(1, 'first');
    uses.ikeSaUp(1);
    uses.childSaUp(1, 10, 'first');
    uses.note(1, 'second');
    uses.childSaUp(1, 11, 'second');
    expect(affectedBy(uses, 'second')).toEqual([[1, false, 11]]);
    uses.note(1, 'third');
    expect(uses.ikeSaRekeyed(1, 'third')).toEqual([]);
    expect(affectedBy(uses, 'first')).toEqual([[1, false, 10]]);
    expect(uses.childSaGone(1, 10)).toEqual(['first']);
    expect(uses.childSaGone(1, 10)).toEqual([]);
    expect(uses.childSaGone(1, 11)).toEqual(['second']);
    expect(uses.keysOf(1)).toEqual(['third']);
  });

  it('count a rekey without a fresh key as the end of distrusted keys, and of no others', () => {
    const uses = expecting(1);
    uses.note(1, 'good');
    uses.note(1, 'bad');
    uses.ikeSaUp(1);
    uses.distrust(['bad']);
    expect(uses.ikeSaRekeyed(1, 'good')).toEqual(['bad']);
    expect(uses.keysOf(1)).toEqual(['good']);
  });

  it('know of a distrusted key that an exchange has taken and no SA rests on yet', () => {
    const uses = new KeyUses();
    uses.ikeSaUp(1);
    uses.note(1, 'late');
    uses.distrust(['late']);
    expect([uses.awaitsDistrusted, uses.affected()]).toEqual([true, []]);
    uses.childSaUp(1, 10, 'late');
    expect(uses.awaitsDistrusted).toBe(false);
    expect(uses.affected()).toEqual([{ ikeSaId: 1, established: true, ikeSa: false, childSaIds: [10] }]);
  });
});
