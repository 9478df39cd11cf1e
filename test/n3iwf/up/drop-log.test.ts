import { describe, expect, it } from 'vitest';
import type { Log } from '../../../n3iwf/log.ts';
import { DropLog } from '../../../n3iwf/userplane/drop-log.ts';

describe('the log of dropped packets', () => {
  it('has each cause once a second, with the number left out', () => {
    const lines: object[] = [];
    let now = 0;
    const log = { info: (fields: object) => lines.push(fields) } as unknown as Log;
    const drops = new DropLog(log, () => now);
    for (let i = 0; i < 100; i++) drops.dropped('integrity', 1);
    drops.dropped('replayed', undefined);
    now = 999;
    drops.dropped('integrity', 2);
    now = 1000;
    drops.dropped('integrity', 3);
    expect(lines).toEqual([
      { cause: 'integrity', ue: 1, unlogged: 0 },
      { cause: 'replayed', ue: undefined, unlogged: 0 },
      { cause: 'integrity', ue: 3, unlogged: 100 },
    ]);
  });
});
