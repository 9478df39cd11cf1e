// needs: chromium
import { createRequire } from 'node:module';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConsoleStage, widths } from './stage.ts';

let stage: ConsoleStage;
beforeAll(async () => {
  stage = await ConsoleStage.open();
  await stage.enter();
}, 60_000);
afterAll(() => stage.close());

/** Cells with key IDs in the table of a UE's SAs, the first of its tables. */
const saKeyIds = '#ue-detail > :nth-child(2) td:nth-child(4)';

/** Waits until the page says so somewhere. */
const shown = (place: string, text: RegExp | string) =>
  stage.page.locator(place).filter({ hasText: text }).first().waitFor({ timeout: 15_000 });

interface Audit {
  readonly violations: readonly { readonly id: string; readonly nodes: readonly { html: string }[] }[];
}

/** What axe finds wrong with the page as it is now. */
async function axeFindings(): Promise<string[]> {
  const path = createRequire(import.meta.url).resolve('axe-core/axe.min.js');
  // The page's own policy forbids strange scripts: axe comes in by the debugger, not by the page.
  const session = await stage.page.context().newCDPSession(stage.page);
  const { readFileSync } = await import('node:fs');
  await session.send('Runtime.evaluate', { expression: readFileSync(path, 'utf8') });
  const { result } = await session.send('Runtime.evaluate', {
    expression: 'axe.run().then((found) => JSON.stringify(found))',
    awaitPromise: true,
    returnByValue: true,
  });
  const { violations } = JSON.parse(String(result.value)) as Audit;
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
}

describe('an attach', () => {
  it('shows as a ladder while it happens, and the UE with the key that protects it', async () => {
    await shown('#state', /takes UEs/);
    const attached = stage.attach(0);
    await shown('#ladder-steps li', /IKE_SA_INIT request/);
    await attached;
    await shown('#ladder-steps li', /NAS .*Registration/i);
    await shown('#ladder-steps li', /NGAP InitialUEMessage/);
    await shown('#ladder-steps .stage', /attached/);
    await shown('#ue-table td', 'attached');
    await stage.page.locator('#ue-table button').first().click();
    await shown('#ue-detail td', /^[0-9a-f]{8}-[0-9a-f]{4}-/);
    await stage.picture('attached');
  }, 40_000);

  it('moves its keys on when told to', async () => {
    const keyIds = () => stage.page.locator(saKeyIds).allTextContents();
    const before = await keyIds();
    await stage.page.getByRole('button', { name: 'Rekey its SAs' }).click();
    await shown('#notice', 'Rekeys begun');
    await expect.poll(async () => (await keyIds()).join(), { timeout: 15_000 }).not.toBe(before.join());
    await shown('#ladder-steps .stage', /rekeyed/);
  }, 40_000);
});

describe('the quantum link', () => {
  it('is plotted: pool, rate, error rate, detections, availability', async () => {
    for (const name of ['Keys at the KME', 'QBER', 'Photon detections', 'Availability'])
      await shown('#plots figure', name);
    expect(await stage.page.locator('#plots svg[role=img][aria-label*="now"]').count()).toBeGreaterThan(3);
  }, 40_000);

  it('raises an alarm when its error rate rises, and clears it afterwards', async () => {
    await stage.fault('POST', { kind: 'intrusion', durationMs: 60_000, qber: 0.25 });
    await shown('#alarm-list', /qberHigh/);
    await stage.picture('alarm');
    await stage.fault('DELETE');
    await expect
      .poll(() => stage.page.locator('#alarm-list').textContent(), { timeout: 45_000, interval: 500 })
      .not.toMatch(/qberHigh/);
  }, 90_000);
});

describe('quarantine from the page', () => {
  it('rekeys the SAs that rest on the keys, and stands in the audit record', async () => {
    const ueId = await stage.page.locator('#ue-table button').first().getAttribute('data-ue');
    const keyIds = async () => await stage.page.locator(saKeyIds).allTextContents();
    await expect.poll(keyIds).not.toEqual([]);
    const before = (await keyIds()).filter((keyId) => keyId !== '');
    await stage.page.getByLabel('Reason').fill('found on a postcard');
    await stage.page.getByRole('button', { name: 'Quarantine' }).click();
    await shown('#notice', /Quarantined/);
    const kept = async () => (await keyIds()).filter((keyId) => before.includes(keyId));
    await expect.poll(kept, { timeout: 20_000 }).toEqual([]);
    expect(await stage.page.locator('#ue-table button').first().getAttribute('data-ue')).toBe(ueId);
    await shown('#audit-table td', /found on a postcard/);
    await shown('#audit-chain', /each row shown follows/);
  }, 60_000);
});

describe('who may do what', () => {
  it('a wrong token is refused with the reason, and nothing happens', async () => {
    await stage.giveToken('a token of somebody else');
    await shown('#notice', /token is missing or wrong/);
    await stage.page.getByRole('dialog').waitFor();
    await shown('#state', 'waits for its token');
    // What was under way is refused, too; then it asks nothing until it is given another one.
    let asked = 0;
    stage.page.on('request', () => asked++);
    const askedLately = async () => {
      asked = 0;
      await stage.page.waitForTimeout(3_000);
      return asked;
    };
    await expect.poll(askedLately, { timeout: 20_000 }).toBe(0);
    await stage.giveToken(stage.console.token);
    await expect.poll(() => stage.page.locator('#notice').textContent(), { timeout: 15_000 }).toBe('');
    // The browser itself notes each refused request.
    stage.complaints.splice(0);
  }, 60_000);
});

describe('the page', () => {
  it.each(Object.entries(widths))(
    'is readable on a %s, in light and in dark',
    async (name, width) => {
      await stage.page.setViewportSize({ width, height: 800 });
      for (const colorScheme of ['light', 'dark'] as const) {
        await stage.page.emulateMedia({ colorScheme });
        const overflow = await stage.page.evaluate(
          'document.documentElement.scrollWidth - document.documentElement.clientWidth',
        );
        expect(overflow).toBeLessThanOrEqual(0);
        expect(await axeFindings()).toEqual([]);
        await stage.picture(`${name}-${colorScheme}`);
      }
    },
    60_000,
  );

  it('is light or dark by its button, whatever the system wants', async () => {
    const paper = () => stage.page.evaluate('getComputedStyle(document.body).backgroundColor');
    for (const colorScheme of ['light', 'dark'] as const) {
      await stage.page.emulateMedia({ colorScheme });
      const before = await paper();
      await stage.page.getByRole('button', { name: 'Theme' }).click();
      expect(await paper()).not.toBe(before);
      await stage.page.getByRole('button', { name: 'Theme' }).click();
      expect(await paper()).toBe(before);
    }
  }, 40_000);

  it('is used by keyboard alone', async () => {
    await stage.page.reload();
    await shown('#state', /takes UEs/);
    await stage.page.keyboard.press('Tab');
    expect(await stage.page.evaluate('document.activeElement.className')).toBe('skip');
    const reached = new Set<string>();
    for (let step = 0; step < 40; step++) {
      await stage.page.keyboard.press('Tab');
      reached.add(
        String(await stage.page.evaluate('document.activeElement.id || document.activeElement.textContent')),
      );
    }
    for (const id of ['theme', 'token', 'minutes', 'reason', 'ladder-ue', 'ladder-steps'])
      expect(reached).toContain(id);
  }, 40_000);

  it('had no complaint in its own console', () => {
    expect(stage.complaints).toEqual([]);
  });
});
