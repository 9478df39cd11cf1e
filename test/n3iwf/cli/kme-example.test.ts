import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { startKmes } from '../../../n3iwf/cli/kme.ts';
import { readKmeConfig } from '../../../n3iwf/cli/kme-config.ts';

const file = new URL('../../../deploy/kme.example.yaml', import.meta.url);

test('the example of the key managers works as it stands, but for its ports and folder', async () => {
  const document = parse(readFileSync(file, 'utf8'));
  delete document.credentialsFolder;
  document.control.port = 0;
  for (const node of document.nodes) node.listen.port = 0;
  const config = readKmeConfig(document, 'kme.example.yaml');
  expect(config.nodes).toHaveLength(20);
  expect(config.links).toHaveLength(20);
  expect(config.links.at(-1)?.profile.optics).toMatchObject({ distanceKm: 60, extraLossDb: 8.4 });
  const kmes = await startKmes(config);
  // From the far side of the ring to the UE: nine hops, the node that joins it, and the field link.
  const drawn = await (await kmes.client('sae-n3iwf')).encKeys('sae-ue', 2);
  expect(drawn.ok).toBe(true);
  expect(await (await kmes.client('sae-10')).status('sae-ue')).toMatchObject({
    ok: true,
    value: { sourceKmeId: 'kme-10' },
  });
  await kmes.close();
});
